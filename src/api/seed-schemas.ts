import { type Static, Type } from '@sinclair/typebox'
import { SEED_PATHS_MAX } from '../core/limits.ts'

/** Requests and answers about the local files whose blocks a node uses instead of fetching them. */

const Path = Type.String({
  maxLength: 4096,
  description: 'absolute path of a file or block device inside one of seed.directories',
})

export const SeedPaths = Type.Object(
  { paths: Type.Array(Path, { minItems: 1, maxItems: SEED_PATHS_MAX }) },
  { additionalProperties: false },
)

const SeedState = Type.Union(
  ['current', 'changed', 'missing'].map((state) => Type.Literal(state)),
  {
    description: 'whether it is the file that was added, another one by now, or cannot be opened',
  },
)

export const Seed = Type.Object({
  path: Type.String(),
  size: Type.Integer({ description: 'bytes' }),
  blocks: Type.Integer({ description: 'different blocks in it' }),
  state: Type.Unsafe<'current' | 'changed' | 'missing'>(SeedState),
  addedAt: Type.Integer({ description: 'milliseconds since the epoch' }),
})
export type Seed = Static<typeof Seed>

/** How far the reading of one of the files is, in bytes. */
export interface SeedAddProgress {
  path: string
  bytes: number
  bytesTotal: number
}
