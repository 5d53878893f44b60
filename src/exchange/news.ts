import type { Clock } from '../core/clock.ts'
import { HAVE_DELAY_MS } from '../core/limits.ts'
import type { FetchPolicy } from './policy/fetch-policy.ts'

/** What has been stored since the neighbours were told: gathered for a moment, then told at once. */
export class News {
  readonly #clock: Clock
  readonly #policy: FetchPolicy
  readonly #tell: (held: readonly number[], partly: ReadonlyMap<number, number>) => void
  #runs = new Set<number>()

  constructor(
    components: { clock: Clock; policy: FetchPolicy },
    tell: (held: readonly number[], partly: ReadonlyMap<number, number>) => void,
  ) {
    this.#clock = components.clock
    this.#policy = components.policy
    this.#tell = tell
  }

  /** Something of a run has been stored. */
  add(run: number): void {
    this.#runs.add(run)
    if (this.#runs.size === 1) this.#clock.after(HAVE_DELAY_MS, () => this.flush())
  }

  flush(): void {
    const runs = this.#runs
    this.#runs = new Set()
    const held: number[] = []
    const partly = new Map<number, number>()
    for (const run of runs) {
      const parts = this.#policy.heldParts(run)
      if (parts === this.#policy.allParts) held.push(run)
      else if (parts !== 0) partly.set(run, parts)
    }
    this.#tell(held, partly)
  }
}
