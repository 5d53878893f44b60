import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { AbortedError, StateError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { type Log, silentLog } from '../core/log.ts'
import { BlockOpener } from './block-opener.ts'
import { checkFrame } from './check-frame.ts'
import { FramePool } from './frame-pool.ts'
import { FreeSpace } from './free-space.ts'
import type { BlockPart, Memory, OpenedPart, WantedBlock } from './opened-block.ts'
import { type CompactOptions, type CompactReport, compactPacks } from './pack-compaction.ts'
import { type DiskCalls, PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { openBlocks, type PlacedBlocks, type SharedBytes } from './pack-opener.ts'
import { readFrames } from './pack-reader.ts'
import { openIndex, recover } from './pack-recovery.ts'
import { type VerifyOptions, type VerifyReport, verifyPacks } from './pack-verify.ts'
import { PackWriter, type PackWriterInit } from './pack-writer.ts'
import { onDisk, storageError } from './storage-errors.ts'
import { StoreLock } from './store-lock.ts'

/** Look-ups between two turns of the event loop: about 3 ms. */
const LOOKUPS_PER_TURN = 1024

export interface PackStoreInit extends PackWriterInit {
  /** Made when missing. Holds `packs/`, `index.sqlite`, `lock`. */
  dir: string
}

export interface PackStoreComponents extends DiskCalls {
  log?: Log
  clock?: Clock
  /** Workers for `verify` and for recovery; the store makes and closes its own when there are none. */
  frames?: FramePool
}

interface Parts {
  readonly lock: StoreLock
  readonly index: PackIndex
  readonly files: PackFiles
  readonly writer: PackWriter
  readonly frames: FramePool
  readonly log: Log
  readonly clock: Clock
}

/**
 * Opens a store of blocks in append-only packs with an index, and repairs what a crash left behind.
 * Errors: StateError when another process has it open, StorageFullError, StorageError.
 */
export async function openPackStore(
  init: PackStoreInit,
  components: PackStoreComponents = {},
): Promise<PackStore> {
  return onDisk(`the store ${init.dir} cannot be opened`, async () => {
    const packsDir = join(init.dir, 'packs')
    await mkdir(packsDir, { recursive: true })
    const lock = StoreLock.take(init.dir)
    const log = components.log ?? silentLog
    const clock = components.clock ?? systemClock
    const frames = components.frames ?? new FramePool()
    let index: PackIndex | undefined
    try {
      index = await openIndex(join(init.dir, 'index.sqlite'), log)
      const { writev, datasync } = components
      const files = await PackFiles.load({ dir: packsDir, writev, datasync })
      await recover({ index, files, frames, log })
      const writer = new PackWriter({ index, files, space: new FreeSpace(packsDir) }, init)
      return new PackStore(
        { lock, index, files, writer, frames, log, clock },
        components.frames === undefined,
      )
    } catch (error) {
      index?.close()
      lock.release()
      if (components.frames === undefined) await frames.close()
      throw error
    }
  })
}

/** See openPackStore. `get` trusts what was verified when it was put; `verify` hashes it again. */
export class PackStore implements BlockStore {
  readonly #parts: Parts
  readonly #opener: BlockOpener
  readonly #ownsFrames: boolean
  readonly #closing = new AbortController()
  #maintenance: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'closing' | 'closed' = 'open'
  #running = 0
  #whenIdle: (() => void)[] = []

  constructor(parts: Parts, ownsFrames: boolean) {
    this.#parts = parts
    this.#opener = new BlockOpener(parts)
    this.#ownsFrames = ownsFrames
  }

  has(digests: readonly Digest[], options: CallOptions = {}): Promise<boolean[]> {
    return this.#run(options, async ({ index }) => {
      const answer: boolean[] = []
      for (const digest of digests) {
        if (answer.length % LOOKUPS_PER_TURN === LOOKUPS_PER_TURN - 1) await turn(options.signal)
        answer.push(index.has(digest))
      }
      return answer
    })
  }

  get(digests: readonly Digest[], options: CallOptions = {}): Promise<(Frame | undefined)[]> {
    return this.#run(options, (parts) => readFrames(parts, digests))
  }

  /**
   * Reads blocks, inflates and verifies them in workers, each to its place in memory that both sides share. What lies between the
   * blocks becomes zeros. Errors: NotFoundError (`data.missing`: how many are not here), IntegrityError, StorageError.
   */
  openInto(blocks: PlacedBlocks, target: SharedBytes, options: CallOptions = {}): Promise<void> {
    return this.#run(options, (parts) => openBlocks(parts, blocks, target))
  }

  /** See BlockOpener.open. */
  open(wanted: readonly WantedBlock[], memory: Memory): Promise<(Uint8Array | undefined)[]> {
    return this.#run({}, () => this.#opener.open(wanted, memory))
  }

  /** See BlockOpener.openPart. */
  openPart(wanted: WantedBlock, part: BlockPart, memory: Memory): Promise<OpenedPart | undefined> {
    return this.#run({}, () => this.#opener.openPart(wanted, part, memory))
  }

  /** See BlockOpener.openNow. */
  openNow(wanted: readonly WantedBlock[], memory: Memory): Uint8Array[] | undefined {
    return this.#state === 'open' ? this.#opener.openNow(wanted, memory) : undefined
  }

  /** See BlockOpener.openPartNow. */
  openPartNow(wanted: WantedBlock, part: BlockPart): OpenedPart | undefined {
    return this.#state === 'open' ? this.#opener.openPartNow(wanted, part) : undefined
  }

  /** Throws InvalidError before anything is stored when a frame has an impossible form. */
  put(frames: readonly Frame[], options: CallOptions = {}): Promise<void> {
    return this.#run(options, async ({ writer }) => {
      for (const frame of frames) checkFrame(frame)
      if (frames.length > 0) await writer.put(frames, options.signal)
    })
  }

  /** Done before it returns its promise: what the caller checked in the same turn of the event loop still holds. */
  delete(digests: readonly Digest[], options: CallOptions = {}): Promise<void> {
    return this.#run(options, async ({ index }) => {
      index.delete(digests)
    })
  }

  async *list(options: CallOptions = {}): AsyncIterable<Digest> {
    let after: Digest = new Uint8Array()
    for (;;) {
      const page = await this.#run(options, async ({ index }) => index.page(after, LOOKUPS_PER_TURN))
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last
      await turn(options.signal)
    }
  }

  /** Stored bytes without headers, of blocks that were not deleted. */
  stat(): Promise<{ blocks: number; storedBytes: number }> {
    return this.#run({}, async ({ index }) => index.totals())
  }

  /** Stored bytes of each block, in order; 0 where the store does not hold it. */
  sizes(digests: readonly Digest[], options: CallOptions = {}): Promise<number[]> {
    return this.#run(options, async ({ index }) => digests.map((digest) => index.find(digest)?.stored ?? 0))
  }

  /** Bytes of each block, uncompressed, in order; undefined where the store does not hold it. */
  lengths(digests: readonly Digest[], options: CallOptions = {}): Promise<(number | undefined)[]> {
    return this.#run(options, async ({ index }) => digests.map((digest) => index.find(digest)?.length))
  }

  /** Reads and hashes everything; what is corrupt is out of the index afterwards, so that it can be fetched again. */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#maintain(options, (parts, signal) => verifyPacks(parts, { ...options, signal }))
  }

  /** Gives the space of deleted blocks back to the disk. */
  compact(options: CompactOptions = {}): Promise<CompactReport> {
    return this.#maintain(options, (parts, signal) => compactPacks(parts, { ...options, signal }))
  }

  /** Resolves when everything put so far is on the disk. Throws StorageError when some of it may be lost. */
  flush(): Promise<void> {
    return this.#run({}, ({ writer }) => writer.sync())
  }

  /** Stops `verify` and `compact`, waits for everything else that runs; later calls fail with StateError. */
  async close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    const { writer, files, index, lock, frames } = this.#parts
    this.#closing.abort(new AbortedError('the store was closed'))
    while (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    await writer.close()
    await files.close()
    index.close()
    lock.release()
    if (this.#ownsFrames) await frames.close()
    this.#state = 'closed'
  }

  /** One verify or compact at a time. */
  #maintain<T>(options: CallOptions, task: (parts: Parts, signal: AbortSignal) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing])
    const result = this.#maintenance.then(() => this.#run({ signal }, (parts) => task(parts, signal)))
    this.#maintenance = result.catch(() => {})
    return result
  }

  async #run<T>({ signal }: CallOptions, task: (parts: Parts) => Promise<T>): Promise<T> {
    if (this.#state !== 'open') throw new StateError('the store is closed')
    if (signal?.aborted) throw new AbortedError('stopped', { cause: signal.reason })
    this.#running++
    try {
      return await task(this.#parts)
    } catch (cause) {
      if (signal?.aborted && cause === signal.reason) throw new AbortedError('stopped', { cause })
      throw storageError(cause, 'the block store failed')
    } finally {
      this.#running--
      if (this.#running === 0) for (const idle of this.#whenIdle.splice(0)) idle()
    }
  }
}

/** Lets other work in. Throws the signal's reason. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
  signal?.throwIfAborted()
}
