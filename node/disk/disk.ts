import type { CallOptions } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { DISK_LOSS_ERROR_MS } from '../../src/core/disk-limits.ts'
import { BootswarmError, UnreachableError } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { unless } from '../../src/util/unless.ts'
import type { CatalogEntry } from '../image-catalog.ts'
import { BlockLoader, type BlockLoaderComponents } from './block-loader.ts'
import { DiskReader } from './disk-reader.ts'
import { type BootStats, type DiskStats, noBoot } from './disk-stats.ts'
import { ImageMap } from './image-map.ts'
import type { BringOptions, ImageSource, LackingBlocks } from './image-source.ts'
import type { ExportOptions, Extent, ExtentContext, ExtentRange, NbdExport, Pieces } from './nbd/export.ts'
import { type ByteRange, ReadAhead } from './read-ahead.ts'
import { ReadWaits } from './read-waits.ts'
import type { SegmentCache } from './segment-cache.ts'
import { StallWatch } from './stall-watch.ts'

/** `wait`: a read waits for as long as nobody has what it needs; `error`: it fails after DISK_LOSS_ERROR_MS. */
export type OnLoss = 'wait' | 'error'

/** One attached image: what NBD serves, and what is known of it. */
export interface Disk extends NbdExport {
  readonly manifest: ManifestId
  readonly entry: CatalogEntry
  /** `stalled`: a read has waited for DISK_STALL_MS, and waits. */
  readonly state: 'ready' | 'stalled'
  /** Everything is here. */
  readonly complete: boolean
  /** Why what is missing cannot be fetched at the moment, and what to do about it. */
  readonly trouble: string | undefined
  /** Why the rest of the image is not filled at the moment, although it is to be. */
  readonly fillTrouble: string | undefined
  stats(): DiskStats
  /** Whether the rest of the image is fetched in the background. */
  fill(on: boolean): void
  /** Aborted when the disk is closed. */
  readonly closing: AbortSignal
  /** Who replays a boot over it counts here. */
  readonly boot: BootStats
  /** Tells somebody of every read of a guest, before it is answered; nobody with undefined. */
  observe(read: ReadObserver | undefined): void
  /** Resolves when these ranges are in the store, with the bytes of the blocks that were fetched for it: what a boot will read, or may some day. Errors: those of reads. */
  bring(
    ranges: readonly ByteRange[],
    options: CallOptions & { class: 'boot' | 'background' },
  ): Promise<number>
  /** Its reads that wait fail; what it has fetched stays. */
  close(): Promise<void>
}

/** Sees where guests read. */
export type ReadObserver = (offset: number, length: number) => void

/** What disks of one image share. */
export interface SharedImage extends ImageSource {
  readonly complete: boolean
  readonly trouble: string | undefined
  readonly fillTrouble: string | undefined
  readonly runs: { readonly held: number; readonly total: number }
  readonly wire: { readonly fromOrigin: number; readonly fromPeers: number }
  fill(disk: object, on: boolean): void
}

export interface OpenDiskComponents extends BlockLoaderComponents {
  image: SharedImage
  segments: SegmentCache
  clock: Clock
  log: Log
}

export interface OpenDiskInit {
  readonly name: string
  readonly entry: CatalogEntry
  readonly fill: boolean
  readonly onLoss: OnLoss
  closed(): Promise<void>
}

/** See Disk. */
export class OpenDisk implements Disk {
  readonly name: string
  readonly description: string
  readonly size: number
  readonly entry: CatalogEntry
  readonly boot = noBoot()
  readonly #image: SharedImage
  readonly #reader: DiskReader
  readonly #ahead: ReadAhead
  readonly #clock: Clock
  readonly #init: OpenDiskInit
  readonly #stall: StallWatch
  readonly #waits: ReadWaits
  readonly #closing = new AbortController()
  /** For the signal of each connection the one that is also aborted when the disk is closed. */
  readonly #signals = new WeakMap<AbortSignal, AbortSignal>()
  readonly #counts = { reads: 0, readBytes: 0, errors: 0, stalls: 0, damaged: 0, store: 0, fetched: 0 }
  #aheadRuns = false
  #observer: ReadObserver | undefined

  constructor(components: OpenDiskComponents, init: OpenDiskInit) {
    const { image, segments, clock, log, blocks, cache, opener } = components
    const { entry } = init
    this.#image = image
    this.#clock = clock
    this.#init = init
    this.name = init.name
    this.entry = entry
    this.description = `${entry.namespace}/${entry.name}@${entry.version}`
    this.size = image.manifest.size
    this.#waits = new ReadWaits({ clock })
    this.#ahead = new ReadAhead({ size: this.size })
    const source = this.#watched(image)
    const events = {
      opened: (bytes: number) => {
        this.#counts.store += bytes
      },
      damaged: (damaged: number) => {
        this.#counts.damaged += damaged
        log.error(
          { disk: this.name, blocks: damaged },
          'blocks on this disk were damaged: fetching them again',
        )
      },
    }
    const loader = new BlockLoader({ blocks, cache, opener }, { source, events })
    const map = new ImageMap({ source, cache: segments }, { waits: (read) => this.#waits.begin(read) })
    this.#reader = new DiskReader({ map, loader })
    this.#stall = new StallWatch({ clock }, (stalled) => {
      const about = { disk: this.name, image: this.description, err: image.trouble }
      if (stalled) this.#counts.stalls++
      if (stalled) log.error(about, 'nobody gives what a disk is read for: its reads wait')
      else log.warn(about, 'the reads of a disk go on')
    })
    if (init.fill) this.fill(true)
  }

  get manifest(): ManifestId {
    return this.#image.id
  }

  get closing(): AbortSignal {
    return this.#closing.signal
  }

  get state(): 'ready' | 'stalled' {
    return this.#stall.stalled ? 'stalled' : 'ready'
  }

  get complete(): boolean {
    return this.#image.complete
  }

  get trouble(): string | undefined {
    return this.#image.trouble
  }

  get fillTrouble(): string | undefined {
    return this.#image.fillTrouble
  }

  read(offset: number, length: number, { signal }: ExportOptions): Pieces | Promise<Pieces> {
    if (this.#closing.signal.aborted) throw new UnreachableError('the disk was detached')
    this.#counts.reads++
    this.#counts.readBytes += length
    this.#observer?.(offset, length)
    const options = { signal: this.#until(signal), class: 'guest' } as const
    const answer = this.#reader.read(offset, length, options)
    this.#readAhead(offset, length)
    return answer instanceof Promise ? this.#counted(answer, options) : answer
  }

  async extents(
    context: ExtentContext,
    range: ExtentRange,
    { signal }: ExportOptions,
  ): Promise<readonly Extent[]> {
    return await this.#reader.extents(context, range, { signal: this.#until(signal) })
  }

  async prefetch(offset: number, length: number, { signal }: ExportOptions): Promise<void> {
    await this.#reader.fetch(offset, length, { signal: this.#until(signal), class: 'boot' })
  }

  observe(read: ReadObserver | undefined): void {
    this.#observer = read
  }

  async bring(
    ranges: readonly ByteRange[],
    options: CallOptions & { class: 'boot' | 'background' },
  ): Promise<number> {
    const signal = this.#until(options.signal ?? this.closing)
    return await this.#reader.fetchAll(ranges, { ...options, signal })
  }

  stats(): DiskStats {
    const { reads, readBytes, errors, stalls, damaged, store, fetched } = this.#counts
    const { fromOrigin, fromPeers } = this.#image.wire
    return {
      ...{ reads, readBytes, errors, stalls, damagedBlocks: damaged, ...this.#waits.stats() },
      shareLocal: reads === 0 ? 1 : Math.max(0, 1 - this.#waits.count / reads),
      bytes: { store, fetched, wireFromOrigin: fromOrigin, wireFromPeers: fromPeers },
      runs: this.#image.runs,
      boot: { ...this.boot },
    }
  }

  fill(on: boolean): void {
    this.#image.fill(this, on)
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new UnreachableError('the disk was detached'))
    this.#stall.close()
    this.#image.fill(this, false)
    await this.#init.closed()
  }

  async #counted(answer: Promise<Pieces>, options: BringOptions): Promise<Pieces> {
    try {
      return await answer
    } catch (error) {
      this.#counts.errors++
      throw error
    } finally {
      this.#waits.end(options)
    }
  }

  #until(signal: AbortSignal): AbortSignal {
    const known = this.#signals.get(signal)
    if (known !== undefined) return known
    const both = AbortSignal.any([signal, this.#closing.signal])
    this.#signals.set(signal, both)
    return both
  }

  /** One at a time; what it fails with a read will say. */
  #readAhead(offset: number, length: number): void {
    const range = this.#image.complete || this.#aheadRuns ? undefined : this.#ahead.read({ offset, length })
    if (range === undefined) return
    this.#aheadRuns = true
    const options = { signal: this.#closing.signal, class: 'boot' } as const
    void this.#reader
      .fetch(range.offset, range.length, options)
      .catch((error: unknown) => {
        if (!(error instanceof BootswarmError)) throw error
      })
      .finally(() => {
        this.#aheadRuns = false
      })
  }

  /** The image, with what is done for this disk counted. */
  #watched(image: SharedImage): ImageSource {
    return {
      id: image.id,
      manifest: image.manifest,
      lost: (run) => image.lost(run),
      patiently: (work, options) =>
        this.#watch(this.#inTime('room in the store', options, (asked) => image.patiently(work, asked))),
      segment: (index, options = {}) =>
        this.#watch(this.#inTime(`segment ${index}`, options, (asked) => image.segment(index, asked))),
      bring: async (wanted, options) => {
        const bytes = await (options.class === 'guest'
          ? this.#watch(this.#guest(image, wanted, options))
          : image.bring(wanted, options))
        this.#counts.fetched += bytes
        return bytes
      },
    }
  }

  async #watch<T>(work: Promise<T>): Promise<T> {
    return await work.finally(this.#stall.begin())
  }

  async #guest(image: SharedImage, wanted: LackingBlocks, options: BringOptions): Promise<number> {
    this.#waits.begin(options)
    return await this.#inTime(`run ${wanted.run}`, options, (asked) => image.bring(wanted, asked))
  }

  /** What nobody gives is an error in time, where a disk is to give errors. */
  async #inTime<T, O extends CallOptions>(
    what: string,
    options: O,
    work: (options: O) => Promise<T>,
  ): Promise<T> {
    if (this.#init.onLoss === 'wait') return await work(options)
    const late = new AbortController()
    const cancel = this.#clock.after(DISK_LOSS_ERROR_MS, () =>
      late.abort(new UnreachableError(`nobody has given ${what} for ${DISK_LOSS_ERROR_MS / 1000} s`)),
    )
    const { signal } = options
    const both = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal])
    return await unless(both, work({ ...options, signal: both })).finally(cancel)
  }
}
