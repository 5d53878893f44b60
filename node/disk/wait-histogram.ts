/** Upper ends of the buckets in milliseconds, a quarter above one another: from half a millisecond to five minutes. */
const BOUNDS_MS = Array.from({ length: 60 }, (_, i) => 0.5 * 1.25 ** i)

/** How long reads have waited. Percentiles are right within a quarter. */
export class WaitHistogram {
  readonly #counts = new Uint32Array(BOUNDS_MS.length + 1)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get sumMs(): number {
    return this.#sumMs
  }

  get maxMs(): number {
    return this.#maxMs
  }

  add(ms: number): void {
    let at = 0
    while (at < BOUNDS_MS.length && ms > (BOUNDS_MS[at] ?? 0)) at++
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#count++
    this.#sumMs += ms
    this.#maxMs = Math.max(this.#maxMs, ms)
  }

  /** Another one, with these as well. */
  with(moreMs: readonly number[]): WaitHistogram {
    const all = new WaitHistogram()
    all.#counts.set(this.#counts)
    all.#count = this.#count
    all.#sumMs = this.#sumMs
    all.#maxMs = this.#maxMs
    for (const ms of moreMs) all.add(ms)
    return all
  }

  /** At most so many milliseconds in `share` of all waits; 0 when there was none. */
  percentile(share: number): number {
    let left = Math.ceil(share * this.#count)
    if (left === 0) return 0
    for (const [at, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(this.#maxMs, BOUNDS_MS[at] ?? this.#maxMs)
    }
    return this.#maxMs
  }

  /** For each bucket that is not empty its upper end and what is in it; infinite for the last. */
  buckets(): { upToMs: number; count: number }[] {
    const all = [...this.#counts].map((count, at) => ({
      upToMs: BOUNDS_MS[at] ?? Number.POSITIVE_INFINITY,
      count,
    }))
    return all.filter(({ count }) => count > 0)
  }
}
