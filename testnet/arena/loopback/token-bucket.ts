/** A rate with a burst. Time is a number of milliseconds that its users bring along. */
export class TokenBucket {
  readonly #bytesPerMs: number
  readonly #burstMs: number
  /** When all that was reserved has gone. */
  #freeMs = Number.NEGATIVE_INFINITY

  constructor(init: { bitsPerSecond: number; burstBytes: number }) {
    this.#bytesPerMs = init.bitsPerSecond / 8000
    this.#burstMs = init.burstBytes / this.#bytesPerMs
  }

  /** Takes its turn behind what was reserved before; returns when the last of `bytes` may go on, which may be past. */
  reserve(bytes: number, nowMs: number): number {
    this.#freeMs = Math.max(this.#freeMs, nowMs - this.#burstMs) + bytes / this.#bytesPerMs
    return this.#freeMs
  }
}
