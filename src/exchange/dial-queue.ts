import type { Clock } from '../core/clock.ts'
import { FIRST_DIALS, FIRST_DIALS_MS } from '../core/limits.ts'

/**
 * Whoever waits for its first bytes dials few peers first, as RFC 8305 does with addresses: a handshake takes milliseconds of the one processor that also has to read the answers. The others
 * follow a moment later, or as soon as one of the first has failed.
 */
export class DialQueue {
  readonly #clock: Clock
  #waiting: (() => void)[] = []
  #left = FIRST_DIALS
  #isPatient = true
  #cancel = () => {}

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Starts them in this order, at once or in a moment. */
  add(starts: readonly (() => void)[]): void {
    if (starts.length === 0) return
    if (this.#isPatient && this.#left === FIRST_DIALS)
      this.#cancel = this.#clock.after(FIRST_DIALS_MS, () => this.hurry())
    this.#waiting.push(...starts)
    this.#start()
  }

  /** There is no reason to wait any more. */
  hurry(): void {
    this.#cancel()
    this.#isPatient = false
    this.#start()
  }

  /** Those that wait are not started any more. */
  stop(): void {
    this.#cancel()
    this.#waiting = []
  }

  #start(): void {
    while (this.#waiting.length > 0 && (!this.#isPatient || this.#left > 0)) {
      this.#left--
      this.#waiting.shift()?.()
    }
  }
}
