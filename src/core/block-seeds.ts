import type { CallOptions } from './blockstore.ts'
import type { Digest } from './cid.ts'

/** Blocks on this machine that are outside of the store. */
export interface BlockSeeds {
  /**
   * Verifies those of the blocks that a seed has and puts them into the store. For each digest, in order, whether it is there now.
   * A seed that cannot be used is no error: its blocks are not brought. Errors: those of the store, AbortedError.
   */
  bring(digests: readonly Digest[], options?: CallOptions): Promise<boolean[]>
}
