import type { CallOptions } from './blockstore.ts'
import type { ManifestId } from './cid.ts'

/** libp2p peer ID in its text form (base58btc or base36 as libp2p prints it). */
export type PeerKey = string & { readonly __brand: 'PeerKey' }

/** Where a peer is and what is known of it. */
export interface PeerAddress {
  readonly peer: PeerKey
  /** Multiaddrs, without the trailing /p2p part. */
  readonly addresses: readonly string[]
  /** True for the tracker's own peer, the origin. */
  readonly origin?: boolean
  /** site, zone, rack. */
  readonly labels?: Readonly<Record<string, string>>
}

/** Which of the peers of its rack in one swarm a peer is, by the tracker's count. */
export interface RackPlace {
  /** 0 to `of` - 1; nobody else in the rack has it. */
  readonly place: number
  /** Peers of the rack in the swarm. */
  readonly of: number
}

/**
 * Who holds a manifest. Implementations: tracker, DHT, memory, and a fallback that asks several in order.
 * Errors: UnreachableError or TimeoutError when the router itself cannot be asked; NotAuthorisedError where this peer may not have
 * the manifest. An unknown key is an empty answer, or the same NotAuthorisedError from a router that tells nobody what it knows.
 */
export interface Router {
  readonly name: string
  /** Claim that this peer holds some or all runs. To be repeated before it expires. */
  announce(manifest: ManifestId, options?: CallOptions): Promise<void>
  withdraw(manifest: ManifestId, options?: CallOptions): Promise<void>
  /** Peers that claim to hold runs, without this peer itself. */
  find(manifest: ManifestId, options?: CallOptions): AsyncIterable<PeerAddress>
}
