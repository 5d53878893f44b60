import type { Clock } from '../../core/clock.ts'
import { SEED_RETRY_MS } from '../../core/limits.ts'
import type { Log } from '../../core/log.ts'
import { type SeedFile, SeedIndex } from './seed-index.ts'

/** Which files are seeds, and which of them can be used now. */
export class SeedBook {
  readonly index: SeedIndex
  readonly #clock: Clock
  readonly #log: Log
  #files: ReadonlyMap<number, SeedFile> = new Map()
  /** Seeds that could not be read, and until when they are left alone. */
  readonly #restUntilMs = new Map<number, number>()
  #sweeping: Promise<void> = Promise.resolve()
  #closed = false

  constructor(components: { clock: Clock; log: Log }, init: { path: string }) {
    this.#clock = components.clock
    this.#log = components.log
    this.index = new SeedIndex(init.path)
    this.reload()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#sweeping
    this.index.close()
  }

  get files(): readonly SeedFile[] {
    return [...this.#files.values()]
  }

  /** Seeds by their ids, without those that are left alone. */
  usable(): ReadonlyMap<number, SeedFile> {
    const nowMs = this.#clock.monotonic()
    return new Map([...this.#files].filter(([id]) => (this.#restUntilMs.get(id) ?? 0) <= nowMs))
  }

  /** Reads the files from the index again. */
  reload(): void {
    this.#files = new Map(this.index.files().map((file) => [file.id, file]))
    for (const id of this.#restUntilMs.keys()) if (!this.#files.has(id)) this.#restUntilMs.delete(id)
  }

  /** Forgets files; their rows in the index go little by little. */
  drop(ids: readonly number[]): void {
    for (const id of ids) this.index.drop(id)
    this.reload()
    void this.sweep()
  }

  /** It may be there again later. */
  unreadable({ id, path }: SeedFile, cause: unknown): void {
    this.#restUntilMs.set(id, this.#clock.monotonic() + SEED_RETRY_MS)
    this.#log.warn({ path, err: cause }, 'a seed cannot be read: its blocks are fetched')
  }

  changed({ id, path }: SeedFile): void {
    if (!this.#files.has(id)) return
    this.#log.warn({ path }, 'a seed has changed and is none any more: add it again')
    this.drop([id])
  }

  /** Takes what is left of dropped files out of the index. Resolves when that is done; does not throw. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(() => this.#sweep())
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    try {
      for (const _ of this.index.sweep()) {
        await new Promise((resolve) => setImmediate(resolve))
        if (this.#closed) return
      }
    } catch (error) {
      this.#log.error({ err: error }, 'the index of seeds cannot be cleaned')
    }
  }
}
