import { availableParallelism } from 'node:os'
import type { CallOptions } from '../core/blockstore.ts'
import type { Frame } from '../core/frame.ts'
import { WorkerPool, workerModule } from '../util/worker-pool.ts'
import { type ImageJob, type ImageJobAnswer, jobBytes, runImageJob } from './image-jobs.ts'

/** Less than this is done at once: a thread takes some 50 ms to start. */
const INLINE_BYTES_MAX = 256 * 1024
/** More threads than this outrun any disk that we know. */
const WORKERS_MAX = 8

/** Threads for import and export; they start with the first job that is large enough. */
export class ImageWorkers {
  readonly #pool: WorkerPool<ImageJob, ImageJobAnswer>
  #started = false

  constructor({ workersMax = WORKERS_MAX }: { workersMax?: number } = {}) {
    const workers = Math.min(Math.max(1, availableParallelism() - 1), workersMax)
    this.#pool = new WorkerPool({ module: workerModule(import.meta.url, './image-worker'), workers })
  }

  get workers(): number {
    return this.#pool.workers
  }

  /** Errors: IntegrityError, AbortedError. */
  async run(job: ImageJob, signal?: AbortSignal): Promise<ImageJobAnswer> {
    if (!this.#started && jobBytes(job) <= INLINE_BYTES_MAX) return runImageJob(job)
    this.#started = true
    return this.#pool.run(job, signal === undefined ? {} : { signal })
  }

  /** A FrameOpener: inflates and verifies. Errors: IntegrityError, AbortedError. */
  async inflate(frames: readonly Frame[], { signal }: CallOptions = {}): Promise<Uint8Array[]> {
    const { bytes } = await this.run({ kind: 'open', frames }, signal)
    let end = 0
    return frames.map(({ length }) => {
      const start = end
      end += length
      return bytes.subarray(start, end)
    })
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
