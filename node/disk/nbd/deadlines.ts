import type { Clock } from '../../../src/core/clock.ts'

/** Timers that end together. */
export class Deadlines {
  readonly #clock: Clock
  readonly #timers = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `then` after `ms`; the returned function cancels. */
  after(ms: number, then: () => void): () => void {
    const cancelTimer = this.#clock.after(ms, () => {
      this.#timers.delete(cancel)
      then()
    })
    const cancel = () => {
      cancelTimer()
      this.#timers.delete(cancel)
    }
    this.#timers.add(cancel)
    return cancel
  }

  cancelAll(): void {
    for (const cancel of this.#timers) cancel()
  }
}
