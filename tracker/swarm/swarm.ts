import { PEER_ADDRESSES_MAX } from '../../src/core/limits.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'

/** A peer of one swarm, as one principal last announced it. */
export interface SwarmPeer {
  readonly address: PeerAddress & { readonly labels: Readonly<Record<string, string>> }
  /** Distinguished name of the node. */
  readonly principal: string
  readonly runs: number
  readonly runsTotal: number
  readonly announcedAtMs: number
}

/**
 * The peers of one manifest. A peer ID is a claim of whoever announces it, not a proof: nothing at the tracker shows
 * that the principal holds its key. So an entry belongs to a principal and a peer ID together, and nobody takes a peer ID from
 * another by announcing it first. Peers prove their keys to each other when they dial, and passes will prove them to
 * the tracker.
 */
export class Swarm {
  /** In the order of their announcements, oldest first. */
  readonly #entries = new Set<SwarmPeer>()
  /** The same by peer ID and principal; principals in the order in which they came. */
  readonly #claims = new Map<PeerKey, Map<string, SwarmPeer>>()
  readonly #peersOf = new Map<string, number>()

  get size(): number {
    return this.#entries.size
  }

  /** All entries; a peer ID that several principals announce has several. */
  entries(): SwarmPeer[] {
    return [...this.#entries]
  }

  find(peer: PeerKey, principal: string): SwarmPeer | undefined {
    return this.#claims.get(peer)?.get(principal)
  }

  /** Entries of a principal. */
  peersOf(principal: string): number {
    return this.#peersOf.get(principal) ?? 0
  }

  /** Enters a peer, or replaces its entry of the same principal. */
  put(entry: SwarmPeer): void {
    const { address, principal } = entry
    const claims = this.#claims.get(address.peer) ?? new Map<string, SwarmPeer>()
    const before = claims.get(principal)
    if (before === undefined) this.#peersOf.set(principal, this.peersOf(principal) + 1)
    else this.#entries.delete(before)
    this.#entries.add(entry)
    claims.set(principal, entry)
    this.#claims.set(address.peer, claims)
  }

  delete(entry: SwarmPeer): void {
    if (!this.#entries.delete(entry)) return
    const { principal, address } = entry
    const left = this.peersOf(principal) - 1
    if (left === 0) this.#peersOf.delete(principal)
    else this.#peersOf.set(principal, left)
    const claims = this.#claims.get(address.peer)
    claims?.delete(principal)
    if (claims?.size === 0) this.#claims.delete(address.peer)
  }

  /** Takes out who last announced itself at `oldestMs` or before. */
  dropSilent(oldestMs: number): void {
    for (const entry of this.#entries) {
      if (entry.announcedAtMs > oldestMs) return
      this.delete(entry)
    }
  }

  /** Every peer ID once, those in `without` left out. */
  addresses(without: ReadonlySet<PeerKey>): PeerAddress[] {
    const addresses: PeerAddress[] = []
    for (const [peer, claims] of this.#claims) if (!without.has(peer)) addresses.push(together(claims))
    return addresses
  }
}

/**
 * One address for what all principals say of a peer ID: in turn one address of each, so that false ones do not drive out the
 * true ones. The labels are those of who came first.
 */
function together(claims: ReadonlyMap<string, SwarmPeer>): PeerAddress {
  const [first, ...others] = [...claims.values()].map((entry) => entry.address)
  if (first === undefined) throw new TypeError('a peer without entries')
  if (others.length === 0) return first
  const addresses = new Set<string>()
  for (let turn = 0; turn < PEER_ADDRESSES_MAX; turn++) {
    for (const claim of [first, ...others]) {
      const address = claim.addresses[turn]
      if (address !== undefined && addresses.size < PEER_ADDRESSES_MAX) addresses.add(address)
    }
  }
  return { ...first, addresses: [...addresses] }
}
