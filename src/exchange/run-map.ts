import { InvalidError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'

/** Where a run lies: the index of its segment, and its own index among the runs of that segment. */
export interface RunPlace {
  readonly segment: number
  readonly index: number
}

/** Maps the run indices of a have bitmap to segments, from the manifest alone. */
export class RunMap {
  readonly runs: number
  readonly #firsts: Uint32Array

  constructor(manifest: Manifest) {
    this.#firsts = new Uint32Array(manifest.segments.length + 1)
    manifest.segments.forEach((link, i) => {
      this.#firsts[i + 1] = (this.#firsts[i] ?? 0) + link.runs
    })
    this.runs = this.#firsts[manifest.segments.length] ?? 0
  }

  /** Index of the first run of a segment. */
  firstOf(segment: number): number {
    return this.#firsts[segment] ?? this.runs
  }

  /** Throws InvalidError when there is no such run. */
  locate(run: number): RunPlace {
    if (!(run >= 0 && run < this.runs)) throw new InvalidError(`no run ${run}`)
    let low = 0
    let high = this.#firsts.length - 1
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.firstOf(middle) <= run) low = middle
      else high = middle
    }
    return { segment: low, index: run - this.firstOf(low) }
  }
}
