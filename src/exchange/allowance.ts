import type { Clock } from '../core/clock.ts'

/** How often something may happen: `max` times at once, and `perSecond` times a second in the long run. */
export class Allowance {
  readonly #clock: Clock
  readonly #max: number
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor(components: { clock: Clock }, init: { max: number; perSecond: number }) {
    this.#clock = components.clock
    this.#max = init.max
    this.#perSecond = init.perSecond
    this.#left = init.max
    this.#atMs = components.clock.monotonic()
  }

  get spent(): boolean {
    this.#refill()
    return this.#left < 1
  }

  /** Counts one time. False when there is none left. */
  take(): boolean {
    if (this.spent) return false
    this.#left--
    return true
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic()
    this.#left = Math.min(this.#max, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
  }
}
