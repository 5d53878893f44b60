/** What sums of fractions may be wrong by. */
const ROUNDING = 1e-6

/**
 * What may pass in the long run, per second, with a burst. Something passes unless the bucket is in debt, whatever its size, and
 * puts it into debt, so that large and small ones wait by their size and the rate holds exactly.
 */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  /** `burst`: what may pass at once after a rest. */
  constructor(init: { perSecond: number; burst: number; nowMs: number }) {
    this.#perSecond = init.perSecond
    this.#burst = init.burst
    this.#tokens = init.burst
    this.#atMs = init.nowMs
  }

  /** Milliseconds until something may pass; 0: now. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#tokens > -ROUNDING ? 0 : Math.max(1, Math.ceil((-this.#tokens / this.#perSecond) * 1000))
  }

  /** Counts what passes now. */
  take(amount: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#tokens -= amount
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
  }
}
