import type { BlockSeeds } from '../core/block-seeds.ts'
import type { Digest } from '../core/cid.ts'
import { QuotaError, StorageFullError } from '../core/errors.ts'

/** What one session takes from seeds. */
export class SessionSeeds {
  readonly #seeds: BlockSeeds
  readonly #ending = new AbortController()
  #last: Promise<unknown> = Promise.resolve()
  #isFull = false

  constructor(seeds: BlockSeeds) {
    this.#seeds = seeds
  }

  /** As BlockSeeds, one call at a time. `spares`: nobody waits for these blocks; a store without room is no error, and is given no more of them. */
  async bring(digests: readonly Digest[], { spares }: { spares: boolean }): Promise<boolean[]> {
    if (spares && this.#isFull) return digests.map(() => false)
    const brought = this.#seeds.bring(digests, { signal: this.#ending.signal })
    this.#last = brought.catch(() => {})
    try {
      return await brought
    } catch (error) {
      if (!spares || !(error instanceof QuotaError || error instanceof StorageFullError)) throw error
      this.#isFull = true
      return digests.map(() => false)
    }
  }

  /** Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#last
  }
}
