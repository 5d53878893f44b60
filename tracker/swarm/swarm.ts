import type { PeerAddress, PeerKey } from '../../src/core/router.ts'

/** A peer of one swarm, as its node last announced it. */
export interface SwarmPeer {
  readonly address: PeerAddress & { readonly labels: Readonly<Record<string, string>> }
  /** Name of the node, which has proved the peer ID when it enrolled. */
  readonly node: string
  readonly runs: number
  readonly runsTotal: number
  readonly announcedAtMs: number
}

/** The peers of one manifest. */
export class Swarm {
  /** In the order of their announcements, oldest first. */
  readonly #peers = new Map<PeerKey, SwarmPeer>()

  get size(): number {
    return this.#peers.size
  }

  peers(): SwarmPeer[] {
    return [...this.#peers.values()]
  }

  has(peer: PeerKey): boolean {
    return this.#peers.has(peer)
  }

  /** Enters a peer, or replaces what it said before. */
  put(entry: SwarmPeer): void {
    this.#peers.delete(entry.address.peer)
    this.#peers.set(entry.address.peer, entry)
  }

  /** False when it was not in it. */
  delete(peer: PeerKey): boolean {
    return this.#peers.delete(peer)
  }

  /** Takes out who last announced itself at `oldestMs` or before. */
  dropSilent(oldestMs: number): void {
    for (const [peer, { announcedAtMs }] of this.#peers) {
      if (announcedAtMs > oldestMs) return
      this.#peers.delete(peer)
    }
  }

  /** All but those in `without`. */
  addresses(without: ReadonlySet<PeerKey>): PeerAddress[] {
    return this.peers().flatMap(({ address }) => (without.has(address.peer) ? [] : [address]))
  }
}
