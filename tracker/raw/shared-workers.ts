import { ImageWorkers } from '../../src/image/image-workers.ts'

/** Threads that cut and compress, shared by the uploads that run: they start with the first and end with the last. */
export class SharedWorkers {
  #workers: ImageWorkers | undefined
  #users = 0

  async run<T>(task: (workers: ImageWorkers) => Promise<T>): Promise<T> {
    this.#workers ??= new ImageWorkers()
    this.#users++
    try {
      return await task(this.#workers)
    } finally {
      this.#users--
      if (this.#users === 0) await this.close()
    }
  }

  async close(): Promise<void> {
    const workers = this.#workers
    this.#workers = undefined
    await workers?.close()
  }
}
