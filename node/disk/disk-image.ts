import type { BlockStore, CallOptions } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { DISK_REFUSED_RETRY_MS, DISK_RETRY_MS } from '../../src/core/disk-limits.ts'
import {
  BootswarmError,
  type ErrorCode,
  NotAuthorisedError,
  NotFoundError,
  UnreachableError,
} from '../../src/core/errors.ts'
import { PEER_RETRY_MS, REFUSED_RETRY_MS } from '../../src/core/limits.ts'
import type { Log } from '../../src/core/log.ts'
import { type Manifest, runCount } from '../../src/core/manifest.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { Segment } from '../../src/core/segment.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { Session } from '../../src/exchange/session.ts'
import { unless } from '../../src/util/unless.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { Pull } from '../pull.ts'
import type { Puller } from '../puller.ts'
import type { SharedImage } from './disk.ts'
import type { Room } from './fill-room.ts'
import type { BringOptions, LackingBlocks, SegmentOptions } from './image-source.ts'
import { ImageTrouble } from './image-trouble.ts'
import { LocalSegments } from './local-segments.ts'
import { Retries } from './retries.ts'

export interface DiskImageComponents {
  puller: Pick<Puller, 'open'>
  catalog: Pick<ImageCatalog, 'update' | 'withManifest' | 'delegationFor'>
  exchange: Pick<Exchange, 'swarm'>
  nodes: Pick<BlockStore, 'get' | 'has' | 'delete'>
  room: Room
  clock: Clock
  log: Log
}

/** Bytes of frames, as they travelled. */
export interface WireBytes {
  readonly fromOrigin: number
  readonly fromPeers: number
}

export interface DiskImageInit {
  readonly entry: CatalogEntry
  readonly manifest: Manifest
  readonly delegation?: string | undefined
  /** What takes part in its swarm; undefined while all of it is here. */
  readonly pull: Pull | undefined
  /** Nobody could be asked for what is missing, or this node may not have it: what is here is read all the same. */
  readonly refusal?: unknown
}

/** Failures of the local store, and defects: waiting does not help. A store that is full has room again when somebody makes it. */
const LASTING: readonly ErrorCode[] = ['E_STORAGE', 'E_INTEGRITY', 'E_MANIFEST', 'E_INTERNAL']

/** One image that disks read: takes part in its swarm while anything of it is not here, for all its disks together. */
export class DiskImage implements SharedImage {
  readonly id: ManifestId
  readonly manifest: Manifest
  readonly #components: DiskImageComponents
  readonly #init: DiskImageInit
  readonly #local: LocalSegments
  readonly #filling = new Set<object>()
  readonly #before = { fromOrigin: 0, fromPeers: 0 }
  #pull: Pull | undefined
  #joining: Promise<Session> | undefined
  /** Resolves when the catalog knows what was lost. */
  #noted: Promise<unknown> = Promise.resolve()
  #cancelRefill = () => {}
  readonly #closed = new AbortController()
  readonly #trouble: ImageTrouble
  readonly #retries: Retries
  #unwatchRoom: (() => void) | undefined

  constructor(components: DiskImageComponents, init: DiskImageInit) {
    this.#components = components
    this.#init = init
    this.id = init.entry.manifest as ManifestId
    this.manifest = init.manifest
    this.#local = new LocalSegments(components, init)
    this.#trouble = new ImageTrouble(init.entry)
    this.#retries = new Retries(components)
    if (init.pull !== undefined) this.#follow(init.pull)
    else if (init.refusal !== undefined) this.#refused(init.refusal)
  }

  /** Why what is missing cannot be fetched at the moment. */
  get trouble(): string | undefined {
    return this.complete ? undefined : this.#trouble.text
  }

  /** Why what nobody has read yet is not fetched at the moment, although a disk wants it. */
  get fillTrouble(): string | undefined {
    return this.complete || this.#filling.size === 0 ? undefined : this.#components.room.reason
  }

  /** A right to it was given anew: what waits is tried again at once. */
  renewed(): void {
    this.#retries.now()
    this.#refillAfter(0)
  }

  get complete(): boolean {
    return this.#components.exchange.swarm(this.id)?.complete === true
  }

  get runs(): { held: number; total: number } {
    const held = this.#components.exchange.swarm(this.id)?.have.count ?? 0
    return { held, total: runCount(this.manifest) }
  }

  get wire(): WireBytes {
    const bytes = this.#pull?.session.stats.bytes
    return {
      fromOrigin: this.#before.fromOrigin + (bytes?.wireFromOrigin ?? 0),
      fromPeers: this.#before.fromPeers + (bytes?.wireFromPeers ?? 0),
    }
  }

  fill(disk: object, on: boolean): void {
    if (on) this.#filling.add(disk)
    else this.#filling.delete(disk)
    this.#watchRoom()
    if (this.#pull?.ended === false) this.#tellFill(this.#pull.session)
    else if (on) void this.#refill()
  }

  async segment(index: number, { waits, ...options }: SegmentOptions = {}): Promise<Segment> {
    // What fetches the image looks here first by itself.
    const isFetched = this.#pull?.ended === false
    if (isFetched) void this.#local.whenAway(index, waits)
    const local = isFetched ? undefined : await this.#local.segment(index)
    if (local !== undefined) return local
    if (!isFetched) waits?.()
    return await this.#patiently(
      options,
      async (session) => (await session()).segment(index, options),
      () => this.#local.segment(index),
    )
  }

  async bring(wanted: LackingBlocks, options: BringOptions): Promise<number> {
    // While something fetches the image, its reads find out by themselves.
    const runs = this.#pull?.ended === false ? undefined : this.#components.exchange.swarm(this.id)?.have
    if (runs?.has(wanted.run) === true) this.lost(wanted.run)
    return await this.#patiently(options, async (session) => (await session()).read(wanted, options))
  }

  async patiently(work: () => Promise<void>, options: CallOptions): Promise<void> {
    await this.#patiently(options, work)
  }

  lost(run: number): void {
    const { exchange, log } = this.#components
    if (this.#pull?.ended === false) this.#pull.session.lost(run)
    else exchange.swarm(this.id)?.drop(run)
    this.#noted = Promise.all([this.#noted, this.#correct()]).catch((error: unknown) => {
      log.error({ manifest: this.id, err: error }, 'could not note that an image is not complete any more')
    })
  }

  /** No disk reads it any more: unless somebody pulls it, nothing more is fetched of it. */
  close(): void {
    this.#unwatchRoom?.()
    this.#closed.abort(new UnreachableError('the disk was detached'))
    this.#cancelRefill()
    if (this.#pull?.session.onDemand === true) this.#pull.stop()
  }

  /** While nobody can be asked, or the session ends, or there is no room, it is tried again, after a look at what is `here` by now; what fails here is an error. */
  async #patiently<T>(
    { signal }: CallOptions,
    work: (session: () => Promise<Session>) => Promise<T>,
    here?: () => Promise<T | undefined>,
  ): Promise<T> {
    const closed = this.#closed.signal
    const given = signal === undefined ? closed : AbortSignal.any([signal, closed])
    for (let isTroubled = false; ; isTroubled = true) {
      try {
        const found = isTroubled ? await here?.() : undefined
        if (found !== undefined) return found
        const done = await work(() => unless(given, this.#session()))
        if (isTroubled) this.#works()
        return done
      } catch (error) {
        const lasts = !(error instanceof BootswarmError) || LASTING.includes(error.code)
        if (lasts || given.aborted) throw error
        if (this.#met(error))
          this.#components.log.warn(
            { manifest: this.id, err: this.#trouble.text },
            'a disk cannot be read at the moment',
          )
      }
      await this.#retries.wait(given, this.#trouble.lasts ? DISK_REFUSED_RETRY_MS : PEER_RETRY_MS)
    }
  }

  #works(): void {
    this.#trouble.over()
    this.#retries.worked()
  }

  /** The session of what runs, or of what is begun now. */
  #session(): Promise<Session> {
    if (this.#pull?.ended === false) return Promise.resolve(this.#pull.session)
    this.#joining ??= this.#join().finally(() => {
      this.#joining = undefined
    })
    return this.#joining
  }

  async #join(): Promise<Session> {
    await this.#noted
    let pull = await this.#open()
    if (pull === undefined) {
      // Something of it is missing all the same, or nobody would be asked.
      await this.#correct()
      pull = await this.#open()
    }
    if (pull === undefined) throw new NotFoundError('the image counts as complete, and is not')
    if (this.#closed.signal.aborted) {
      if (pull.session.onDemand) pull.stop()
      throw new UnreachableError('the disk was detached')
    }
    Object.assign(this.#before, this.wire)
    this.#follow(pull)
    this.#tellFill(pull.session)
    return pull.session
  }

  async #open(): Promise<Pull | undefined> {
    const { namespace, name, version } = this.#init.entry
    const reference = parseReference(`${namespace}/${name}@${version}`)
    return (await this.#components.puller.open(reference, { delegation: this.#delegation })).pull
  }

  /** Who attached it again may have lent a newer right. */
  get #delegation(): string | undefined {
    return this.#components.catalog.delegationFor(this.id) ?? this.#init.delegation
  }

  /** The catalog has to know that the image is not complete. */
  async #correct(): Promise<void> {
    const { catalog } = this.#components
    const whole = catalog.withManifest(this.id).filter(({ complete }) => complete)
    await Promise.all(whole.map((entry) => catalog.update(entry, { complete: false, onDemand: true })))
  }

  /** What ends before the image is complete is begun again some time later, if it is to be filled. */
  #follow(pull: Pull): void {
    this.#pull = pull
    // One that ends at once has not worked: or it would be begun again without a pause.
    const cancel = this.#components.clock.after(DISK_RETRY_MS, () => this.#works())
    this.#watchRoom()
    void pull.over.then(() => {
      cancel()
      this.#watchRoom()
      const { reason } = pull.signal
      if (reason instanceof NotAuthorisedError) this.#refused(reason)
      else this.#refillAfter(DISK_RETRY_MS)
    })
  }

  /** Returns whether it is other trouble than before. */
  #met(error: unknown): boolean {
    return this.#trouble.met(error, { lent: this.#delegation !== undefined })
  }

  #refused(error: unknown): void {
    if (this.#met(error))
      this.#components.log.warn(
        { manifest: this.id, err: this.#trouble.text },
        'nothing more of an image can be fetched: what is here is read on',
      )
    this.#refillAfter(DISK_RETRY_MS)
  }

  #refillAfter(ms: number): void {
    this.#cancelRefill()
    if (this.#closed.signal.aborted) return
    this.#cancelRefill = this.#components.clock.after(ms, () => void this.#refill())
  }

  /** Does not throw: tries again for as long as a disk wants all of the image, or something is said of it that may not be true any more. */
  async #refill(): Promise<void> {
    const ended = (this.#pull?.ended ?? this.#init.refusal !== undefined) && !this.complete
    const wanted = this.#filling.size > 0 || this.#trouble.text !== undefined
    if (!ended || !wanted || this.#closed.signal.aborted) return
    try {
      await this.#session()
    } catch (error) {
      const { log } = this.#components
      const reason = error instanceof BootswarmError ? error.message : error
      this.#met(error)
      log.warn({ manifest: this.id, err: reason }, 'an image cannot be filled at the moment')
      this.#refillAfter(this.#trouble.lasts ? REFUSED_RETRY_MS : DISK_RETRY_MS)
    }
  }

  #tellFill(session: Session): void {
    if (session.onDemand) session.fill(this.#filling.size > 0 && this.#components.room.isOpen)
  }

  #watchRoom(): void {
    const isWanted = this.#filling.size > 0 && !this.complete && !this.#closed.signal.aborted
    if (!isWanted) {
      this.#unwatchRoom?.()
      this.#unwatchRoom = undefined
    }
    if (isWanted)
      this.#unwatchRoom ??= this.#components.room.watch(() => {
        if (this.#pull?.ended === false) this.#tellFill(this.#pull.session)
        this.#watchRoom()
      })
  }
}
