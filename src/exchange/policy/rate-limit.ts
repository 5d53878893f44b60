import { RATE_BURST_MS, RUN_BYTES_MAX } from '../../core/limits.ts'
import type { TrafficClass } from '../../core/traffic-class.ts'
import { TokenBucket } from './token-bucket.ts'

/** Bytes per second in one direction. What is left out is not limited. */
export interface Rates {
  /** Of everything; guest reads count in it but never wait for it. */
  readonly bytesPerSecond?: number | undefined
  readonly requestedBytesPerSecond?: number | undefined
  readonly backgroundBytesPerSecond?: number | undefined
}

/** The limits of one direction, overall and by class. A guest read never waits: what it takes, the others wait for. */
export class RateLimit {
  readonly #all: TokenBucket | undefined
  readonly #byClass: Partial<Record<TrafficClass, TokenBucket>>
  readonly #isOff: boolean

  constructor(rates: Rates, nowMs: number) {
    this.#all = bucket(rates.bytesPerSecond, nowMs)
    const requested = bucket(rates.requestedBytesPerSecond, nowMs)
    const background = bucket(rates.backgroundBytesPerSecond, nowMs)
    this.#byClass = {
      ...(requested === undefined ? {} : { requested }),
      ...(background === undefined ? {} : { background }),
    }
    this.#isOff = this.#all === undefined && requested === undefined && background === undefined
  }

  /** Nothing ever waits. */
  get isOff(): boolean {
    return this.#isOff
  }

  /** Milliseconds until bytes of the class may pass; 0: now. */
  waitMs(of: TrafficClass, nowMs: number): number {
    if (of === 'guest' || this.#isOff) return 0
    return Math.max(this.#all?.waitMs(nowMs) ?? 0, this.#byClass[of]?.waitMs(nowMs) ?? 0)
  }

  /** Counts bytes that pass now. */
  take(of: TrafficClass, bytes: number, nowMs: number): void {
    if (this.#isOff) return
    this.#all?.take(bytes, nowMs)
    this.#byClass[of]?.take(bytes, nowMs)
  }
}

function bucket(bytesPerSecond: number | undefined, nowMs: number): TokenBucket | undefined {
  if (bytesPerSecond === undefined) return undefined
  const burst = Math.max(RUN_BYTES_MAX, (bytesPerSecond * RATE_BURST_MS) / 1000)
  return new TokenBucket({ perSecond: bytesPerSecond, burst, nowMs })
}
