import { availableParallelism } from 'node:os'
import type { CallOptions } from '../core/blockstore.ts'
import { InternalError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import { WorkerPool, workerModule } from '../util/worker-pool.ts'
import { CheckedFrames } from './checked-frames.ts'
import { encodeTable, type FrameEntry, type FrameTable, framesOf, packFrames } from './frame-table.ts'
import type { FileRead, FrameAnswer, FrameRequest, MovedFrames } from './frame-worker.ts'

/** Workers by default, one core left to the main thread: two verify more than one connection brings, and each costs 10 to 15 MB. */
const WORKERS_MAX = 2
/** Uncompressed bytes in one request: one run. Small enough to share between workers, large enough to pay its message. */
const REQUEST_BYTES = RUN_BYTES_MAX

/** Many frames in one buffer, as they come off the wire. */
export interface FrameRun {
  /**
   * Holds the stored bytes of all frames, in any order. Moved to a worker when it is all of its ArrayBuffer (the caller's views of it
   * are empty then: use the frames of the answer), else copied.
   */
  readonly buffer: Uint8Array
  readonly frames: readonly FrameEntry[]
}

export interface VerifiedRun {
  /** For each frame, in order, whether it is exactly the block that its digest names. */
  readonly valid: boolean[]
  /** Valid frames as views of one buffer, in order, ready for `put`; undefined where not valid. */
  readonly frames: (Frame | undefined)[]
}

/** Frames in files, and where their blocks go. */
export interface ReadIntoInit {
  readonly reads: readonly FileRead[]
  /** Offsets count from the first byte of the first read. Moved to a worker. */
  readonly table: FrameTable
  /** For each entry the index of its first byte in the target; in order. */
  readonly places: Uint32Array
  /** One byte longer than what it is to hold. */
  readonly target: Uint8Array<SharedArrayBuffer>
}

/** Inflates and hashes frames in workers, which start with the first request or before. Errors: BusyError, AbortedError, StateError after `close`. */
export class FramePool {
  readonly #pool: WorkerPool<FrameRequest, FrameAnswer | undefined>
  readonly #workers: number
  #packing = 0
  #checked: CheckedFrames | undefined

  constructor(init: { workers?: number } = {}) {
    const workers = init.workers ?? Math.min(WORKERS_MAX, Math.max(1, availableParallelism() - 1))
    this.#workers = workers
    this.#pool = new WorkerPool({ module: workerModule(import.meta.url, './frame-worker'), workers })
  }

  /** Starts the workers before there is work for them. */
  start(): void {
    this.#pool.startAll()
  }

  /**
   * Checks a run without copying it; blocks of a solid frame become frames of their own, in another buffer. One request: runs in flight
   * share the workers.
   */
  async verifyRun(run: FrameRun, options: CallOptions = {}): Promise<VerifiedRun> {
    const { buffer, table, result } = await this.#run('verify', run, options)
    const valid = Array.from(result, (byte) => byte === 1)
    return {
      valid,
      frames: framesOf(buffer, table).map((frame, i) => (valid[i] === true ? frame : undefined)),
    }
  }

  /** For each frame, in order, whether it is exactly the block that its digest names. The frames stay the caller's. */
  async verify(frames: readonly Frame[], options: CallOptions = {}): Promise<boolean[]> {
    const batches = batchesOf(frames).map(async (batch) => {
      const { buffer, entries } = packFrames(batch)
      return (await this.verifyRun({ buffer, frames: entries }, options)).valid
    })
    return (await Promise.all(batches)).flat()
  }

  /** The blocks of frames, verified, in order. Throws IntegrityError when one is not what its digest names. */
  async inflate(frames: readonly Frame[], options: CallOptions = {}): Promise<Uint8Array[]> {
    const batches = batchesOf(frames).map(async (batch) => {
      const { buffer, entries } = packFrames(batch)
      const { result } = await this.#run('inflate', { buffer, frames: entries }, options)
      let end = 0
      return batch.map(({ length }) => {
        const start = end
        end += length
        return result.subarray(start, end)
      })
    })
    return (await Promise.all(batches)).flat()
  }

  /**
   * The blocks of frames, up to a run of them, as one solid frame; undefined when that is not smaller than the frames, or while
   * every worker makes one: it takes more time than anything else that a worker does. Errors: IntegrityError when a frame is damaged.
   */
  async packSolid(frames: readonly Frame[], options: CallOptions = {}): Promise<Uint8Array | undefined> {
    if (this.#packing >= this.#workers) return undefined
    this.#packing++
    try {
      const { buffer, entries } = packFrames(frames)
      const { result } = await this.#run('solid', { buffer, frames: entries }, options)
      return result.length === 0 ? undefined : result
    } finally {
      this.#packing--
    }
  }

  /** Reads, inflates and verifies frames, each to its place. Throws IntegrityError, StorageError. */
  async readInto(init: ReadIntoInit, options: CallOptions = {}): Promise<void> {
    const { reads, table, places, target } = init
    const { memory: checked } = this.checked
    const request: FrameRequest = {
      ...{ do: 'read', reads, table, places, target, checked },
    }
    await this.#pool.run(request, { ...options, transfer: [table.buffer] })
  }

  /** What workers, and others of this process, have found to be right. */
  get checked(): CheckedFrames {
    this.#checked ??= new CheckedFrames()
    return this.#checked
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #run(what: MovedFrames['do'], run: FrameRun, options: CallOptions): Promise<FrameAnswer> {
    const buffer = whole(run.buffer)
    const table = encodeTable(run.frames)
    const transfer = [buffer.buffer, table.buffer]
    const answer = await this.#pool.run({ do: what, buffer, table }, { ...options, transfer })
    if (answer === undefined) throw new InternalError('a worker gave no frames')
    return answer
  }
}

/** `bytes` when it may be moved with its ArrayBuffer, else a copy that may. */
function whole(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  const movable = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
  return movable ? new Uint8Array(buffer) : new Uint8Array(bytes)
}

function batchesOf(frames: readonly Frame[]): Frame[][] {
  const batches: Frame[][] = []
  let batch: Frame[] = []
  let bytes = 0
  for (const frame of frames) {
    if (batch.length > 0 && bytes + frame.length > REQUEST_BYTES) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(frame)
    bytes += frame.length
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
