import { type Static, Type } from '@sinclair/typebox'
import { DELEGATION_BYTES_MAX } from '../core/limits.ts'

/** Bytes of one pull or of a session so far. All uncompressed unless the name says wire. */
export const PullBytes = Type.Object({
  image: Type.Integer({ description: 'bytes of the blocks of the image, each occurrence counted' }),
  local: Type.Integer({ description: 'of these, bytes that the store already held when the pull began' }),
  seeded: Type.Integer({ description: 'of these, bytes that came from seeds of this node' }),
  fetchedUncompressed: Type.Integer({ description: 'bytes of the blocks that arrived and were stored' }),
  wireFromOrigin: Type.Integer({ description: 'bytes of frames from the tracker' }),
  wireFromPeers: Type.Integer({ description: 'bytes of frames from other nodes' }),
  duplicate: Type.Integer({ description: 'wire bytes of blocks that had already arrived' }),
  wireFallback: Type.Integer({
    description: 'of the bytes from the tracker, those that other nodes should have given and could not',
  }),
})
export type PullBytes = Static<typeof PullBytes>

export const PullBlocks = Type.Object({
  total: Type.Integer(),
  local: Type.Integer(),
  seeded: Type.Integer({ description: 'from seeds of this node' }),
  fetched: Type.Integer(),
})

export const PullProgress = Type.Object({
  manifest: Type.String(),
  state: Type.Union([
    Type.Literal('joining'),
    Type.Literal('planning'),
    Type.Literal('fetching'),
    Type.Literal('complete'),
  ]),
  runs: Type.Object({ done: Type.Integer(), total: Type.Integer() }),
  blocks: PullBlocks,
  bytes: PullBytes,
  peers: Type.Integer({ description: 'peers with an open channel in this swarm, the origin included' }),
  seconds: Type.Number(),
})
export type PullProgress = Static<typeof PullProgress>

export const PullMilestones = Type.Partial(
  Type.Object({
    firstPeer: Type.Number({ description: 'a peer has admitted this node' }),
    manifest: Type.Number({ description: 'the manifest is here' }),
    firstBlocks: Type.Number({ description: 'the first blocks have arrived' }),
    planned: Type.Number({ description: 'it is known what is missing' }),
    half: Type.Number({ description: 'half of the runs are held' }),
    ninetyPercent: Type.Number({ description: '90 % of the runs are held' }),
    allRuns: Type.Number({ description: 'every run is held' }),
  }),
)

export const PullResult = Type.Object({
  reference: Type.String(),
  version: Type.Integer(),
  manifest: Type.String(),
  imageBytes: Type.Integer({ description: 'size of the image, zero spans included' }),
  seconds: Type.Number(),
  blocks: PullBlocks,
  bytes: PullBytes,
  corruptPeers: Type.Array(Type.String(), { description: 'peers dropped because their bytes were wrong' }),
  milestones: Type.Unsafe<Static<typeof PullMilestones>>(PullMilestones),
})
export type PullResult = Static<typeof PullResult>

export const LocalImage = Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  version: Type.Integer(),
  tag: Type.Optional(Type.String()),
  manifest: Type.String(),
  size: Type.Integer(),
  sha256: Type.Union([Type.String(), Type.Null()]),
  complete: Type.Boolean(),
  pulledAt: Type.Integer({ description: 'milliseconds since the epoch' }),
})
export type LocalImage = Static<typeof LocalImage>

export const NodePeer = Type.Object({
  peer: Type.String(),
  node: Type.Optional(Type.String({ description: 'name of its node, from its pass' })),
  origin: Type.Boolean(),
  inbound: Type.Boolean(),
  manifests: Type.Array(Type.String()),
  wireReceivedBytes: Type.Integer(),
  wireSentBytes: Type.Integer(),
})
export type NodePeer = Static<typeof NodePeer>

export const NodeEnrolment = Type.Object({
  state: Type.Union(
    ['unknown', 'pending', 'active', 'revoked', 'refused'].map((state) => Type.Literal(state)),
    { description: 'what the tracker last said of this node; unknown before its first answer' },
  ),
  name: Type.Optional(Type.String({ description: 'name of the node' })),
  reason: Type.Optional(Type.String({ description: 'why it has no fresh pass' })),
  passUntil: Type.Optional(Type.String({ description: 'end of its pass, ISO 8601, UTC' })),
})

export interface NodeEnrolment {
  state: 'unknown' | 'pending' | 'active' | 'revoked' | 'refused'
  name?: string
  reason?: string
  passUntil?: string
}

export const NodeStatus = Type.Object({
  version: Type.String(),
  principal: Type.String(),
  peer: Type.String(),
  addresses: Type.Array(Type.String()),
  tracker: Type.Object({
    url: Type.String(),
    reachable: Type.Optional(
      Type.Boolean({ description: 'whether the last request was answered; left out before there was one' }),
    ),
  }),
  enrolment: Type.Unsafe<NodeEnrolment>(NodeEnrolment),
  store: Type.Object({ blocks: Type.Integer(), storedBytes: Type.Integer() }),
  images: Type.Integer(),
  pulls: Type.Array(PullProgress),
  disks: Type.Object({
    attached: Type.Integer({ description: 'disks that machines may use' }),
    stalled: Type.Integer({ description: 'of these, disks that wait for blocks that nobody has' }),
    unavailable: Type.Integer({ description: 'of these, disks that could not be opened' }),
  }),
  peers: Type.Integer(),
  residentBytes: Type.Integer(),
  uptimeSeconds: Type.Number(),
})
export type NodeStatus = Static<typeof NodeStatus>

export const GcRequest = Type.Object(
  { dryRun: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)
export const GcAnswer = Type.Object({
  dryRun: Type.Boolean(),
  blocksKept: Type.Integer(),
  blocksDeleted: Type.Integer(),
  storedBytesFreed: Type.Integer(),
})
export type GcAnswer = Static<typeof GcAnswer>

export const VerifyAnswer = Type.Object({
  blocks: Type.Integer(),
  corrupt: Type.Integer(),
  incompleteImages: Type.Array(Type.String(), { description: 'images that must be pulled again' }),
})
export type VerifyAnswer = Static<typeof VerifyAnswer>

export const PullRequest = Type.Object(
  {
    reference: Type.String({ maxLength: 512 }),
    delegation: Type.Optional(
      Type.String({
        maxLength: DELEGATION_BYTES_MAX,
        description: 'compact JWS by which a user lets this node fetch what the user may read',
      }),
    ),
  },
  { additionalProperties: false },
)
export const ExportRequest = Type.Object(
  {
    reference: Type.String({ maxLength: 512 }),
    path: Type.String({ maxLength: 4096, description: 'absolute path inside one of export.directories' }),
  },
  { additionalProperties: false },
)
export const ExportAnswer = Type.Object({
  path: Type.String(),
  imageBytes: Type.Integer(),
  writtenBytes: Type.Integer({ description: 'bytes of blocks written; the rest are holes' }),
})
export type ExportAnswer = Static<typeof ExportAnswer>

export interface VerifyProgress {
  /** Stored bytes read so far, and of the whole store when it began. */
  bytes: number
  bytesTotal: number
}

export interface ExportProgress {
  bytes: number
  bytesTotal: number
}

/** One line of a streamed answer (application/x-ndjson). */
export type StreamEvent<Progress, Result> =
  | { event: 'progress'; progress: Progress }
  | { event: 'done'; result: Result }
  | { event: 'error'; problem: unknown }
