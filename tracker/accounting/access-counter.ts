import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { ACCESS_FLUSH_MS } from '../../src/core/registry-limits.ts'

/** How often the bytes of an image were asked for, and when last. */
export interface Accesses {
  readonly image: number
  readonly count: number
  readonly lastMs: number
}

export interface AccessCounterComponents {
  readonly accesses: { add(accesses: readonly Accesses[]): Promise<void> }
  readonly clock: Clock
  readonly log: Log
}

/**
 * Counts raw downloads and joins of swarms for each image: in memory at first, and every ACCESS_FLUSH_MS all together in the catalog,
 * so that a mass boot costs one write. A crash loses what was not written down.
 */
export class AccessCounter {
  readonly #c: AccessCounterComponents
  #counted = new Map<number, Accesses>()
  #cancel: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(components: AccessCounterComponents) {
    this.#c = components
  }

  /** Counts one access. */
  count(image: { readonly id: number }): void {
    this.#add({ image: image.id, count: 1, lastMs: this.#c.clock.now() })
  }

  /** Writes down what was counted; what cannot be written stays for the next time. */
  async flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  /** Writes down the rest. Nothing may be counted afterwards. */
  async stop(): Promise<void> {
    await this.flush()
    this.#cancel?.()
  }

  #add(accesses: Accesses): void {
    const { image, count, lastMs } = accesses
    const before = this.#counted.get(image)
    this.#counted.set(image, {
      image,
      count: count + (before?.count ?? 0),
      lastMs: Math.max(lastMs, before?.lastMs ?? 0),
    })
    this.#cancel ??= this.#c.clock.after(ACCESS_FLUSH_MS, () => void this.flush())
  }

  async #write(): Promise<void> {
    const counted = [...this.#counted.values()]
    this.#counted = new Map()
    if (counted.length === 0) return
    try {
      await this.#c.accesses.add(counted)
    } catch (err) {
      this.#c.log.error({ err }, 'accesses could not be written down; trying again later')
      for (const accesses of counted) this.#add(accesses)
    }
  }
}
