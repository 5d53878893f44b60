import type { CallOptions } from './blockstore.ts'
import type { Digest } from './cid.ts'
import type { PeerAddress } from './router.ts'

/**
 * Provider records of a distributed hash table, keyed by the digest of a manifest or segment.
 * Errors: UnreachableError when no other peer of the table is known or none took the record, TimeoutError,
 * AbortedError.
 */
export interface ContentRouting {
  /** Publishes that this peer provides `key`. Resolves when at least one other peer has stored the record. */
  provide(key: Digest, options?: CallOptions): Promise<void>
  /** Stops renewing the record of `key`. Copies at other peers expire by themselves. */
  withdraw(key: Digest, options?: CallOptions): Promise<void>
  /** Peers that claim to provide `key`, without this peer itself, each once. */
  findProviders(key: Digest, options?: CallOptions): AsyncIterable<PeerAddress>
}
