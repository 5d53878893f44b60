import { ORIGIN_FALLBACK_BYTES_PER_SECOND, RUN_BYTES_MAX } from '../../core/limits.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * What an origin gives to starving peers although it has given it to others before: counted, and no more of it in the long run than so many bytes a
 * second. A run counts as a whole one.
 */
export class OriginFallback {
  /** Undefined when nothing may be given so. */
  readonly #bucket: TokenBucket | undefined
  #runs = 0
  #sentBytes = 0
  #refused = 0

  constructor(init: { bytesPerSecond?: number | undefined; nowMs: number }) {
    const { bytesPerSecond = ORIGIN_FALLBACK_BYTES_PER_SECOND, nowMs } = init
    const burst = Math.max(RUN_BYTES_MAX, bytesPerSecond)
    const none = bytesPerSecond === 0
    this.#bucket = none ? undefined : new TokenBucket({ perSecond: bytesPerSecond, burst, nowMs })
  }

  /** Runs given so since the start. */
  get runs(): number {
    return this.#runs
  }

  /** Bytes sent of such runs. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Asks of starving peers that were not answered as such because of the limit. */
  get refused(): number {
    return this.#refused
  }

  /** Whether a starving peer may be given what others hold; counts when not. */
  allows(nowMs: number): boolean {
    if (this.#bucket?.waitMs(nowMs) === 0) return true
    this.#refused++
    return false
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  gave(runs: number, nowMs: number): void {
    this.#runs += runs
    this.#bucket?.take(runs * RUN_BYTES_MAX, nowMs)
  }
}
