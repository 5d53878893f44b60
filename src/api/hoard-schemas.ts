import { type Static, Type } from '@sinclair/typebox'

/** What a node keeps ready of what machines read while they boot. */

export const HoardImage = Type.Object({
  reference: Type.String({ description: 'as the tracker is asked about it: by tag, or by version' }),
  namespace: Type.String(),
  image: Type.String(),
  version: Type.Integer(),
  bytes: Type.Integer({
    description: 'of the disk, that its boot reads and that count; 0: nothing is kept of it',
  }),
  ready: Type.Boolean({ description: 'whether all of that is here' }),
  own: Type.Boolean({ description: 'whether it is here because of the hoard alone, and may be taken away' }),
  attachedAt: Type.Integer({
    description: 'when it was attached last, milliseconds since the epoch; 0: never',
  }),
})
export type HoardImage = Static<typeof HoardImage>

export const HoardView = Type.Object({
  budgetBytes: Type.Integer({ description: 'that may be kept, as disks have them' }),
  bytes: Type.Integer({ description: 'of these, what has its place' }),
  fetchedBytes: Type.Integer({ description: 'of blocks, fetched since the start of the node' }),
  evicted: Type.Integer({ description: 'images that gave way to others since then' }),
  images: Type.Array(HoardImage, { description: 'those that were attached last first' }),
})
export type HoardView = Static<typeof HoardView>
