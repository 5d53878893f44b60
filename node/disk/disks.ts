import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { AttachRequest, DiskObject, OnLoss } from '../../src/api/disk-schemas.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import { DISK_RETRY_MS, DISK_START_MS, DISKS_MAX } from '../../src/core/disk-limits.ts'
import { BootswarmError, LimitError, StateError } from '../../src/core/errors.ts'
import type { Lifecycle } from '../../src/core/lifecycle.ts'
import type { Log } from '../../src/core/log.ts'
import { parseReference, type Reference } from '../../src/core/reference.ts'
import { Turns } from '../../src/util/turns.ts'
import { type CatalogEntry, findEntry } from '../image-catalog.ts'
import type { JoinAnswer, Joiner } from '../joiner.ts'
import {
  type Attached,
  checkDetach,
  checkSame,
  checkSocketPath,
  closeAttached,
  type DetachInit,
  defaultName,
  exportName,
  isLent,
  noSuchDisk,
  objectOf,
} from './attached.ts'
import type { Disk } from './disk.ts'
import type { DiskFiles, DiskRecord } from './disk-files.ts'
import { type DiskSums, DiskTotals } from './disk-totals.ts'
import type { NbdServer } from './nbd/server.ts'

export interface OpenInit {
  /** As clients of NBD name it. */
  readonly name: string
  readonly fill: boolean
  readonly onLoss: OnLoss
  /** It is attached now, and did not come back with the node. */
  readonly isNew: boolean
  /** What the tracker has said of the image already; else it is asked. */
  readonly answer?: JoinAnswer | undefined
}

/** Makes disks of images; those of one image share what they have. */
export interface Opener {
  open(image: CatalogEntry, init: OpenInit): Promise<Disk>
}

export interface DisksComponents {
  readonly files: DiskFiles
  readonly opener: Opener
  readonly server: Pick<NbdServer, 'listenAtPath' | 'remoteReaders' | 'stop' | 'takeFromRemote'>
  /** Finds out which version a reference means, and that this node may read it. */
  readonly images: Pick<Joiner, 'join' | 'recall'>
  readonly isComplete: (image: CatalogEntry) => boolean
  /** An image was attached again: what fetches it goes on by its new grant and delegation. */
  readonly renewed: (image: CatalogEntry) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

/** The disks that machines have: which ones, where their sockets are, and that they come back when the node starts again. */
export class Disks implements Lifecycle {
  readonly #components: DisksComponents
  readonly #socketDirectory: string
  readonly #attached = new Map<string, Attached>()
  /** By name of the disk. */
  readonly #turns = new Turns()
  readonly #totals = new DiskTotals()
  #isStopped = false
  #isPaused = false
  /** Calls that may bring in blocks of an image that is not attached yet. */
  #attaching = 0

  constructor(components: DisksComponents, init: { socketDirectory: string }) {
    this.#components = components
    this.#socketDirectory = init.socketDirectory
  }

  /** Brings back the disks of the last time, without the tracker. Those that take long come up behind. */
  async start(): Promise<void> {
    const { files, clock } = this.#components
    const records = await files.load()
    for (const record of records) this.#attached.set(record.name, this.#attachedOf(record))
    const all = records.map(({ name }) => this.#turns.run(name, () => this.#bringBack(name)))
    const waited = Promise.withResolvers<void>()
    const cancel = clock.after(DISK_START_MS, waited.resolve)
    await Promise.race([Promise.all(all), waited.promise])
    cancel()
  }

  /** Answers what is under way and hangs up: machines connect to the next process. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { cancelRetry } of this.#attached.values()) cancelRetry?.()
    await this.#components.server.stop()
    await Promise.all([...this.#attached.values()].map(({ disk }) => disk?.close()))
  }

  list(): DiskObject[] {
    const names = [...this.#attached.keys()].sort()
    return names.map((name) => this.get(name))
  }

  /** Throws NotFoundError. */
  get(name: string): DiskObject {
    return this.#objectOf(this.#found(name))
  }

  /** Errors: NotFoundError, StateError while it is unavailable. */
  opened(name: string): Disk {
    const { disk, reason } = this.#found(name)
    if (disk === undefined) throw new StateError(`disk ${name} is unavailable: ${reason ?? 'not opened yet'}`)
    return disk
  }

  /** Over all disks since the start. */
  totals(): DiskSums {
    return this.#totals.sums(this.exports())
  }

  /** Those that can be read now. */
  readonly exports = (): Disk[] => [...this.#attached.values()].flatMap(({ disk }) => disk ?? [])

  /** Those of them that others than this machine may read too: not what was lent to this node. */
  readonly remoteExports = (): Disk[] =>
    [...this.#attached.values()].flatMap(({ disk, record }) => (isLent(record) ? [] : (disk ?? [])))

  /** Images of disks: nothing of them may be collected. */
  images(): CatalogEntry[] {
    return [...this.#attached.values()].map(({ record }) => record.image)
  }

  /** Names of the disks of an image version. */
  namesOf({ manifest }: Pick<CatalogEntry, 'manifest'>): string[] {
    return this.list().flatMap((disk) => (disk.manifest === manifest ? [disk.name] : []))
  }

  /** Keeps new disks out while `work` runs. Throws StateError while one is being attached. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#attaching > 0) throw new StateError('a disk is being attached: try again in a moment')
    this.#isPaused = true
    try {
      return await work()
    } finally {
      this.#isPaused = false
    }
  }

  /**
   * Makes a disk of the version that a reference means now, or finds the one that was made before. Errors: those of the tracker, ConflictError when the name belongs to a disk of
   * another image, LimitError, StateError while stopping or collecting garbage. `attachment`: where this has made the disk, what takes it back.
   */
  async attach(
    request: AttachRequest,
    options: CallOptions = {},
  ): Promise<{ disk: DiskObject; attachment: string | undefined }> {
    this.#checkOpen()
    this.#attaching++
    try {
      const known = (reference: Reference) => findEntry(this.images(), reference)
      const asked = { delegation: request.delegation, known, isUrgent: true, ...options }
      const answer = await this.#components.images.join(parseReference(request.reference), asked)
      const name = request.name ?? defaultName(answer.entry)
      return await this.#turns.run(name, async () => {
        const there = this.#attached.get(name)
        if (there === undefined) await this.#make(name, answer, request)
        else await this.#again(there, answer, request)
        return { disk: this.get(name), attachment: this.#found(name).attachment }
      })
    } finally {
      this.#attaching--
    }
  }

  /** Takes a disk away. Errors: NotFoundError, those of `checkDetach`. */
  detach(name: string, init: DetachInit): Promise<void> {
    return this.#turns.run(name, async () => {
      const attached = this.#found(name)
      checkDetach(attached, init)
      await this.#components.files.remove(name)
      attached.cancelRetry?.()
      this.#attached.delete(name)
      await this.#totals.closing(attached.disk, () => closeAttached(attached, this.#components))
      this.#components.log.info({ disk: name }, 'disk detached')
    })
  }

  /** A fresh grant for an image, for the next start without a tracker. Does not throw. */
  async renewed(manifest: string, grant: string): Promise<void> {
    const { files, log } = this.#components
    for (const attached of this.#attached.values()) {
      const { name, image } = attached.record
      if (image.manifest !== manifest || image.grant === grant) continue
      await this.#turns
        .run(name, async () => {
          if (this.#attached.get(name) !== attached) return
          const record = { ...attached.record, image: { ...attached.record.image, grant } }
          await files.save(record)
          attached.record = record
        })
        .catch((error: unknown) => log.error({ disk: name, err: error }, 'could not keep a grant'))
    }
  }

  #checkOpen(): void {
    if (this.#isStopped) throw new StateError('the node is stopping')
    if (this.#isPaused) throw new StateError('garbage is being collected: try again in a moment')
  }

  #found(name: string): Attached {
    const attached = this.#attached.get(name)
    if (attached === undefined) throw noSuchDisk(name, [...this.#attached.keys()])
    return attached
  }

  async #make(name: string, answer: JoinAnswer, request: AttachRequest): Promise<void> {
    const { files, clock, log } = this.#components
    if (this.#attached.size >= DISKS_MAX) throw new LimitError(`a node has ${DISKS_MAX} disks at most`)
    const { reference, fill = true, onLoss = 'wait' } = request
    const { entry: image } = answer
    const attached = this.#attachedOf({ name, reference, image, fill, onLoss, attachedAt: clock.now() })
    // Before it is opened: what is fetched for it must not be collected.
    this.#attached.set(name, attached)
    // Both at once, since machines wait; what a stop in this moment leaves is a disk that nobody has been told of, and that attaching it again finds.
    const done = await Promise.allSettled([this.#open(attached, answer, true), files.save(attached.record)])
    const failed = done.find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      this.#attached.delete(name)
      await Promise.all([files.remove(name), closeAttached(attached, this.#components)])
      throw failed.reason
    }
    log.info({ disk: name, image: reference, version: image.version }, 'disk attached')
    attached.attachment = randomUUID()
  }

  /** What was asked for again counts, where it can be changed under a machine. */
  async #again(attached: Attached, answer: JoinAnswer, request: AttachRequest): Promise<void> {
    const { record } = attached
    const { entry: image } = answer
    checkSame(record, image, request)
    delete attached.attachment
    const { fill = record.fill } = request
    const { grant, record: token, delegation = record.image.delegation } = image
    const lent = delegation === undefined ? {} : { delegation }
    const next = { ...record, fill, image: { ...record.image, grant, record: token, ...lent } }
    await this.#components.files.save(next)
    attached.record = next
    if (isLent(next) && attached.disk !== undefined) this.#components.server.takeFromRemote(attached.disk)
    await this.#components.renewed(next.image)
    if (attached.disk === undefined) await this.#open(attached, answer)
    else if (fill !== record.fill) attached.disk.fill(fill)
  }

  async #open(attached: Attached, answer: JoinAnswer | undefined, isNew = false): Promise<void> {
    const { opener, server } = this.#components
    this.#checkOpen()
    checkSocketPath(attached.socket)
    const { image, fill, onLoss } = attached.record
    const disk = await opener.open(image, { name: exportName(image), fill, onLoss, answer, isNew })
    try {
      attached.listener = await server.listenAtPath(attached.socket, () => [disk])
    } catch (error) {
      await disk.close()
      throw error
    }
    attached.disk = disk
    attached.cancelRetry?.()
    delete attached.reason
  }

  /** Does not throw: tries again for as long as the disk is attached. */
  async #bringBack(name: string): Promise<void> {
    const { images, log, clock } = this.#components
    const attached = this.#attached.get(name)
    if (attached === undefined || attached.disk !== undefined || this.#isStopped) return
    try {
      await this.#open(attached, await images.recall(attached.record.image))
      log.info({ disk: name }, 'disk is back')
    } catch (error) {
      const reason = error instanceof BootswarmError ? error.message : String(error)
      log.error({ disk: name, err: reason }, 'could not bring back a disk')
      attached.reason = reason
      attached.cancelRetry = clock.after(
        DISK_RETRY_MS,
        () => void this.#turns.run(name, () => this.#bringBack(name)),
      )
    }
  }

  #attachedOf(record: DiskRecord): Attached {
    return { record, socket: join(this.#socketDirectory, `${record.name}.sock`) }
  }

  #objectOf(attached: Attached): DiskObject {
    const { isComplete, server } = this.#components
    return objectOf(attached, { server, isComplete: isComplete(attached.record.image) })
  }
}
