import type { BlockSeeds } from '../core/block-seeds.ts'
import type { Digest } from '../core/cid.ts'

/** What one session takes from seeds. */
export class SessionSeeds {
  readonly #seeds: BlockSeeds
  readonly #ending = new AbortController()
  #last: Promise<unknown> = Promise.resolve()

  constructor(seeds: BlockSeeds) {
    this.#seeds = seeds
  }

  /** As BlockSeeds, one call at a time. */
  bring(digests: readonly Digest[]): Promise<boolean[]> {
    const brought = this.#seeds.bring(digests, { signal: this.#ending.signal })
    this.#last = brought.catch(() => {})
    return brought
  }

  /** Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#last
  }
}
