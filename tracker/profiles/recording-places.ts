import type { Clock } from '../../src/core/clock.ts'
import { BusyError } from '../../src/core/errors.ts'
import {
  BOOT_RECORDINGS_AT_ONCE_MAX,
  BOOT_RECORDINGS_BURST,
  BOOT_RECORDINGS_PER_MINUTE,
  NODES_MAX,
} from '../../src/core/registry-limits.ts'
import { TokenBucket } from '../../src/exchange/policy/token-bucket.ts'

/** Bounds the recordings that come: so many of each node in a time, and so many of all at once. */
export class RecordingPlaces {
  readonly #clock: Clock
  /** By node, the last that came last. */
  readonly #buckets = new Map<string, TokenBucket>()
  #inside = 0

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Takes a place for a recording of a node; call what is returned when it is done, once or more. Throws BusyError. */
  enter(node: string): () => void {
    if (this.#inside >= BOOT_RECORDINGS_AT_ONCE_MAX) throw busy('too many recordings at the moment', 1000)
    const bucket = this.#bucketOf(node)
    const nowMs = this.#clock.monotonic()
    const waitMs = bucket.waitMs(nowMs)
    if (waitMs > 0) throw busy('too many recordings of this node', waitMs)
    bucket.take(1, nowMs)
    this.#inside++
    let left = false
    return () => {
      if (!left) this.#inside--
      left = true
    }
  }

  #bucketOf(node: string): TokenBucket {
    const perSecond = BOOT_RECORDINGS_PER_MINUTE / 60
    const nowMs = this.#clock.monotonic()
    const bucket =
      this.#buckets.get(node) ?? new TokenBucket({ perSecond, burst: BOOT_RECORDINGS_BURST - 1, nowMs })
    this.#buckets.delete(node)
    this.#buckets.set(node, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > NODES_MAX && oldest !== undefined) this.#buckets.delete(oldest)
    return bucket
  }
}

function busy(what: string, waitMs: number): BusyError {
  const retryAfterSeconds = Math.ceil(waitMs / 1000)
  return new BusyError(`${what}: try again in ${retryAfterSeconds} s`, { data: { retryAfterSeconds } })
}
