import { PACE_MEMORY, PIPELINE_MS, PIPELINE_ROUND_TRIP_MS_MAX } from '../../core/limits.ts'

/**
 * How fast a peer delivers, from its answers: bytes over the time in which something was under way there, older answers counting
 * less and less. Bytes are uncompressed ones, as everywhere in the policy; times are in milliseconds.
 */
export class Pace {
  #bytes = 0
  #busyMs = 0
  #rate = 0
  #lastMs = Number.NEGATIVE_INFINITY
  #roundTripMs = Number.POSITIVE_INFINITY

  /** An answer of `bytes` to a want of `sentMs`. */
  arrived(bytes: number, sentMs: number, nowMs: number): void {
    const fade = 1 - 1 / PACE_MEMORY
    this.#bytes = this.#bytes * fade + bytes
    this.#busyMs = this.#busyMs * fade + Math.max(0, nowMs - Math.max(sentMs, this.#lastMs))
    this.#lastMs = nowMs
    this.#rate = this.#bytes === 0 ? 0 : this.#bytes / Math.max(this.#busyMs, 0.001)
    this.#roundTripMs = Math.min(this.#roundTripMs, nowMs - sentMs)
  }

  /** Whether anything is known. */
  get isKnown(): boolean {
    return this.#bytes > 0
  }

  /** Bytes a millisecond; 0 before the first answer. */
  get rate(): number {
    return this.#rate
  }

  /** Bytes that keep the peer busy for its round trip and PIPELINE_MS. */
  get depthBytes(): number {
    return this.#rate * (PIPELINE_MS + Math.min(this.#roundTripMs, PIPELINE_ROUND_TRIP_MS_MAX))
  }

  /** Time for so many bytes; infinite before the first answer. */
  expectedMs(bytes: number): number {
    return this.#bytes === 0 ? Number.POSITIVE_INFINITY : bytes / this.#rate
  }
}
