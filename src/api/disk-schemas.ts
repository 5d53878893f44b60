import { type Static, Type } from '@sinclair/typebox'
import { DISK_NAME_CHARS_MAX } from '../core/disk-limits.ts'
import { DELEGATION_BYTES_MAX } from '../core/limits.ts'
import { ruleOf } from './text-values.ts'

/** Requests and answers about disks that a node gives to machines before their images have arrived. */

/** What a read does when nobody has its bytes any more. */
export const ON_LOSS = ['wait', 'error'] as const
export type OnLoss = (typeof ON_LOSS)[number]
/** A name that can be a file's, and is not one of the two that mean a directory. */
const DISK_NAME_PATTERN = '^(?!\\.+$)[a-zA-Z0-9_.-]+$'

export const OnLossSchema = Type.Unsafe<OnLoss>(
  Type.Union(
    ON_LOSS.map((word) => Type.Literal(word)),
    { description: 'what a read does while nobody has its bytes: wait for them, or fail after a while' },
  ),
)
const DiskName = Type.String({
  ...{ minLength: 1, maxLength: DISK_NAME_CHARS_MAX, pattern: DISK_NAME_PATTERN },
  ...ruleOf(
    `The name of a disk has 1 to ${DISK_NAME_CHARS_MAX} of a-z A-Z 0-9 _ . - and is no row of dots; disk ls shows those that there are.`,
  ),
})
const closed = { additionalProperties: false }

export const AttachRequest = Type.Object(
  {
    reference: Type.String({ maxLength: 512 }),
    name: Type.Optional(DiskName),
    fill: Type.Optional(Type.Boolean({ description: 'fetch the rest of the image in the background' })),
    onLoss: Type.Optional(OnLossSchema),
    delegation: Type.Optional(
      Type.String({
        maxLength: DELEGATION_BYTES_MAX,
        description: 'compact JWS by which a user lets this node fetch what the user may read',
      }),
    ),
  },
  closed,
)
export type AttachRequest = Static<typeof AttachRequest>

export const DiskParams = Type.Object({ name: DiskName })
/** What names one attach that has made a disk. */
const attachment = { minLength: 1, maxLength: 64 }
export const DetachQuery = Type.Object(
  {
    force: Type.Optional(Type.Boolean()),
    attachment: Type.Optional(Type.String(attachment)),
  },
  closed,
)

/** What a machine has read of a disk while it booted, as it was handed in. */
export const HandedIn = Type.Object({
  reads: Type.Integer(),
  bytes: Type.Integer({ description: 'that they cover' }),
  durationMs: Type.Integer({ description: 'how long was recorded' }),
})
export type HandedIn = Static<typeof HandedIn>

const Seconds = Type.Number()

/** Counted since the disk was opened: attached, or brought back when the node started. */
export const DiskFigures = Type.Object({
  reads: Type.Integer(),
  readBytes: Type.Integer({ description: 'bytes that machines have asked for' }),
  errors: Type.Integer({ description: 'reads that failed' }),
  waits: Type.Integer({
    description: 'reads that waited for other machines, those that still wait included',
  }),
  waitSeconds: Type.Object(
    { p50: Seconds, p95: Seconds, p99: Seconds, max: Seconds, sum: Seconds },
    { description: 'how long these took' },
  ),
  stalls: Type.Integer({ description: 'waits so long that an alarm was raised' }),
  localShare: Type.Number({ description: 'share of the reads that waited for nobody, from 0 to 1' }),
  damagedBlocks: Type.Integer({ description: 'blocks that were damaged in the store and fetched again' }),
  storeBytes: Type.Integer({ description: 'bytes of blocks read from the store' }),
  fetchedBytes: Type.Integer({ description: 'bytes of blocks fetched for its reads and ahead of them' }),
  peerBytes: Type.Integer({ description: 'wire bytes from other nodes, of all disks of the image' }),
  originBytes: Type.Integer({ description: 'wire bytes from the tracker, of all disks of the image' }),
  boot: Type.Object(
    {
      profileBytes: Type.Integer({ description: 'of the disk, that the profile covers; 0: without one' }),
      usedBytes: Type.Integer({ description: 'of these, what machines have read' }),
      fetchedBytes: Type.Integer({ description: 'of blocks, fetched because of the profile' }),
      reads: Type.Integer({ description: 'reads of machines' }),
      hits: Type.Integer({ description: 'of these, reads that the profile covers' }),
    },
    { description: 'what a boot profile has done, while a boot is recorded' },
  ),
  runs: Type.Object(
    { held: Type.Integer(), total: Type.Integer() },
    { description: 'runs of the image that are here' },
  ),
})
export type DiskFigures = Static<typeof DiskFigures>

/** What a disk can do now: answer, wait for peers that it has lost, or nothing until it could be opened. */
export type DiskState = 'ready' | 'stalled' | 'unavailable'

export const DiskObject = Type.Object({
  name: Type.String(),
  reference: Type.String({ description: 'the image as it was asked for' }),
  namespace: Type.String(),
  image: Type.String(),
  version: Type.Integer(),
  manifest: Type.String(),
  size: Type.Integer({ description: 'bytes' }),
  state: Type.Unsafe<DiskState>(
    Type.Union(['ready', 'stalled', 'unavailable'].map((state) => Type.Literal(state))),
  ),
  reason: Type.Optional(
    Type.String({ description: 'why it is unavailable, or what is missing cannot be fetched at the moment' }),
  ),
  fillReason: Type.Optional(
    Type.String({ description: 'why the rest of the image is not fetched in the background at the moment' }),
  ),
  fill: Type.Boolean(),
  onLoss: OnLossSchema,
  complete: Type.Boolean({ description: 'whether every block of the image is here' }),
  socket: Type.String({ description: 'path of its unix socket' }),
  export: Type.String({ description: 'name of the disk in the NBD protocol' }),
  connections: Type.Integer({ description: 'of machines, at its socket and over TCP, at this moment' }),
  attachedAt: Type.Integer({ description: 'milliseconds since the epoch' }),
  figures: Type.Optional(DiskFigures),
})
export type DiskObject = Static<typeof DiskObject>

/** A disk as whoever attaches it is told of it. */
export const AttachAnswer = Type.Composite([
  DiskObject,
  Type.Object({
    attachment: Type.Optional(
      Type.String({
        ...attachment,
        description:
          'there when this attach made the disk: a detach that gives it back is refused once somebody else has attached the disk',
      }),
    ),
  }),
])
export type AttachAnswer = Static<typeof AttachAnswer>
