import type { AttachRequest, DiskFigures, DiskObject } from '../../src/api/disk-schemas.ts'
import { DISK_NAME_CHARS_MAX } from '../../src/core/disk-limits.ts'
import { ConfigError, ConflictError, NotFoundError, StateError } from '../../src/core/errors.ts'
import type { CatalogEntry } from '../image-catalog.ts'
import { SOCKET_PATH_BYTES_MAX } from '../socket-file.ts'
import type { Disk } from './disk.ts'
import type { DiskRecord } from './disk-files.ts'
import type { DiskStats } from './disk-stats.ts'
import type { NbdListener, NbdServer } from './nbd/server.ts'

/** A disk that is attached; `disk` and `listener` are missing while it is unavailable. */
export interface Attached {
  record: DiskRecord
  readonly socket: string
  disk?: Disk
  listener?: NbdListener
  /** Why it is unavailable. */
  reason?: string
  cancelRetry?: () => void
  /** Names the attach that has made it, until there is another one. */
  attachment?: string
}

/** Of the version, not of the tag, which may move: attaching the new one makes a disk beside the old one. */
export function defaultName({ namespace, name, version }: CatalogEntry): string {
  return `${namespace}-${name}-${version}`.slice(-DISK_NAME_CHARS_MAX)
}

/** Names the bytes: an overlay never finds others below it, whatever is attached by the same name later. */
export function exportName({ namespace, name, manifest }: CatalogEntry): string {
  return `${namespace}/${name}@${manifest}`
}

export function imageText({ namespace, name, version }: CatalogEntry): string {
  return `${namespace}/${name}@${version}`
}

/** Throws ConfigError. */
export function checkSocketPath(socket: string): void {
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX) return
  const advice = 'Give a shorter --name, or set a shorter disk.socketDirectory of the node.'
  throw new ConfigError(`the path of the socket, ${socket}, has more than ${SOCKET_PATH_BYTES_MAX} bytes`, {
    data: { advice },
  })
}

/** `names`: of the disks that there are. */
export function noSuchDisk(name: string, names: string[]): NotFoundError {
  const some = names.sort().slice(0, 20).join(', ')
  const advice = some === '' ? 'No disk is attached.' : `Attached are: ${some}`
  return new NotFoundError(`there is no disk ${name}`, { data: { advice } })
}

/** What cannot be changed under a machine is as it was. Throws ConflictError. */
export function checkSame(record: DiskRecord, image: CatalogEntry, request: AttachRequest): void {
  const [asked, there] = [imageText(image), imageText(record.image)]
  if (record.image.manifest !== image.manifest || asked !== there) {
    const advice = `Give the new disk another --name, or first: bootswarm disk detach ${record.name}`
    throw new ConflictError(`disk ${record.name} is one of ${there}, not of ${asked}`, { data: { advice } })
  }
  const { onLoss = record.onLoss } = request
  if (onLoss !== record.onLoss) {
    const advice = `It can be attached anew: bootswarm disk detach ${record.name}`
    throw new ConflictError(`disk ${record.name} was attached with --on-loss ${record.onLoss}`, {
      data: { advice },
    })
  }
}

/** The right to read it was lent to this node alone. */
export function isLent({ image }: DiskRecord): boolean {
  return image.delegation !== undefined
}

/** Whoever reads it is told. */
export async function closeAttached(
  { disk, listener }: Attached,
  { server }: { server: Pick<NbdServer, 'takeFromRemote'> },
): Promise<void> {
  if (disk !== undefined) server.takeFromRemote(disk)
  await listener?.close()
  await disk?.close()
}

export interface DetachInit {
  /** Also from machines that use it. */
  readonly force: boolean
  /** Only where nobody has attached it since the attach of this name. */
  readonly attachment?: string | undefined
}

/** Throws ConflictError when somebody else has attached it or the node has started anew, StateError while machines use it at its socket. */
export function checkDetach(attached: Attached, { force, attachment }: DetachInit): void {
  if (attachment !== undefined && attachment !== attached.attachment)
    throw new ConflictError(
      `disk ${attached.record.name} was attached again by somebody else, or the node has started anew since`,
    )
  if (!force) checkUnused(attached)
}

function checkUnused({ record: { name }, listener }: Attached): void {
  const connections = listener?.connections ?? 0
  if (connections === 0) return
  const advice = 'Stop the machines first. With --force their reads of it fail from now on.'
  const has = `${connections} ${connections === 1 ? 'connection is' : 'connections are'} open`
  throw new StateError(`disk ${name} is in use: ${has}`, { data: { advice } })
}

/** What the node says of a disk. `isComplete`: whether the node has the image, wherever it came from. */
export function objectOf(
  attached: Attached,
  init: { isComplete: boolean; server: Pick<NbdServer, 'remoteReaders'> },
): DiskObject {
  const { record, socket, disk, listener } = attached
  const reason = attached.reason ?? disk?.trouble
  const { name, reference, image, fill, onLoss, attachedAt } = record
  const { namespace, version, manifest, size } = image
  const remote = disk === undefined ? 0 : init.server.remoteReaders(disk)
  return {
    ...{ name, reference, namespace, image: image.name, version, manifest, size },
    state: disk?.state ?? 'unavailable',
    ...(reason === undefined ? {} : { reason }),
    ...(disk?.fillTrouble === undefined ? {} : { fillReason: disk.fillTrouble }),
    ...{ fill, onLoss, complete: disk?.complete ?? init.isComplete },
    ...{ socket, export: exportName(image), attachedAt },
    connections: (listener?.connections ?? 0) + remote,
    ...(disk === undefined ? {} : { figures: figuresOf(disk.stats()) }),
  }
}

function figuresOf(stats: DiskStats): DiskFigures {
  const { reads, readBytes, errors, waits, waitMs, stalls, damagedBlocks, bytes, runs, boot } = stats
  const { p50, p95, p99, max, sum } = waitMs
  return {
    ...{ reads, readBytes, errors, waits, stalls, damagedBlocks, localShare: stats.shareLocal },
    waitSeconds: { p50: p50 / 1000, p95: p95 / 1000, p99: p99 / 1000, max: max / 1000, sum: sum / 1000 },
    ...{ storeBytes: bytes.store, fetchedBytes: bytes.fetched },
    ...{
      peerBytes: bytes.wireFromPeers,
      originBytes: bytes.wireFromOrigin,
      runs: { ...runs },
      boot: { ...boot },
    },
  }
}
