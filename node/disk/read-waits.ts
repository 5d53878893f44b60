import type { Clock } from '../../src/core/clock.ts'
import type { DiskStats } from './disk-stats.ts'
import { WaitHistogram } from './wait-histogram.ts'

/** Which reads of a disk wait for other peers, or have waited. A read counts from the moment when it begins to wait. */
export class ReadWaits {
  readonly #clock: Clock
  readonly #ended = new WaitHistogram()
  /** Since when each read waits. */
  readonly #underWay = new Map<object, number>()

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Begun, whether or not they have ended. */
  get count(): number {
    return this.#ended.count + this.#underWay.size
  }

  /** A read waits; more than once is like once. */
  begin(read: object): void {
    if (!this.#underWay.has(read)) this.#underWay.set(read, this.#clock.monotonic())
  }

  /** A read is over, whether or not it has waited. */
  end(read: object): void {
    const sinceMs = this.#underWay.get(read)
    if (sinceMs === undefined) return
    this.#underWay.delete(read)
    this.#ended.add(this.#clock.monotonic() - sinceMs)
  }

  /** Percentiles and the longest are also of those that still wait, at the age that they have. */
  stats(): Pick<DiskStats, 'waits' | 'waitMs' | 'waitBuckets'> {
    const nowMs = this.#clock.monotonic()
    const all = this.#ended.with([...this.#underWay.values()].map((sinceMs) => nowMs - sinceMs))
    const [p50, p95, p99] = [all.percentile(0.5), all.percentile(0.95), all.percentile(0.99)]
    return {
      waits: this.count,
      waitMs: { p50, p95, p99, max: all.maxMs, sum: this.#ended.sumMs },
      waitBuckets: this.#ended.buckets(),
    }
  }
}
