import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { LimitError } from '../../src/core/errors.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  HANDOUT_PEERS_MAX,
  SWARM_PEERS_MAX,
  SWARM_PLACES_MAX,
  SWARMS_MAX,
} from '../../src/core/limits.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import { chooseHandout } from './handout.ts'
import { Swarm, type SwarmPeer } from './swarm.ts'

/** A node, as the tracker knows it. */
export interface SwarmNode {
  readonly name: string
  readonly peer: PeerKey
  readonly labels: Readonly<Record<string, string>>
}

export interface Announcement {
  readonly manifest: ManifestId
  readonly node: SwarmNode
  readonly addresses: readonly string[]
  readonly runs: number
  readonly runsTotal: number
}

/**
 * Who holds or fetches which manifest, in memory: nodes announce again within seconds, so a restart loses nothing.
 * A peer that has not announced for ANNOUNCE_EXPIRY_MS has left.
 */
export class Swarms {
  readonly #clock: Clock
  readonly #swarms = new Map<ManifestId, Swarm>()
  /** Peers in all swarms. */
  #places = 0

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Enters the node into the swarm or renews it. Errors: LimitError when there is no room. */
  announce(announcement: Announcement): void {
    const { manifest, node, addresses, runs, runsTotal } = announcement
    if (this.#living(manifest)?.has(node.peer) !== true) this.#makeRoom(manifest)
    // Looked up again: making room drops swarms that nobody is in.
    const swarm = this.#swarms.get(manifest) ?? this.#make(manifest)
    const address = { peer: node.peer, addresses, labels: node.labels }
    const sizeBefore = swarm.size
    swarm.put({ address, node: node.name, runs, runsTotal, announcedAtMs: this.#clock.now() })
    this.#places += swarm.size - sizeBefore
  }

  /** The origins and other peers of the swarm for this node, each once. */
  handout(manifest: ManifestId, node: SwarmNode, origins: readonly PeerAddress[] = []): PeerAddress[] {
    const without = new Set([node.peer, ...origins.map(({ peer }) => peer)])
    const others = this.#living(manifest)?.addresses(without) ?? []
    const max = HANDOUT_PEERS_MAX - origins.length
    return [...origins, ...chooseHandout(others, { max, labels: node.labels })]
  }

  /** Peers that say they hold all of a manifest. */
  holders(manifest: ManifestId): ReadonlySet<PeerKey> {
    const peers = this.#living(manifest)?.peers() ?? []
    return new Set(
      peers.flatMap(({ address, runs, runsTotal }) => (runs === runsTotal ? [address.peer] : [])),
    )
  }

  /** Takes a peer out of a swarm. Unknown ones are ignored. */
  leave(manifest: ManifestId, peer: PeerKey): void {
    const swarm = this.#swarms.get(manifest)
    if (swarm?.delete(peer) !== true) return
    this.#places--
    if (swarm.size === 0) this.#swarms.delete(manifest)
  }

  /** Takes a peer out of every swarm: its node was revoked, or has another key. */
  forget(peer: PeerKey): void {
    for (const manifest of [...this.#swarms.keys()]) this.leave(manifest, peer)
  }

  /** Swarms with somebody in them. */
  *list(): Generator<{ manifest: ManifestId; peers: SwarmPeer[] }> {
    for (const manifest of [...this.#swarms.keys()]) {
      const swarm = this.#living(manifest)
      if (swarm !== undefined) yield { manifest, peers: swarm.peers() }
    }
  }

  /** Makes sure that one more peer has room. Throws LimitError. */
  #makeRoom(manifest: ManifestId): void {
    const swarm = this.#swarms.get(manifest)
    if ((swarm?.size ?? 0) >= SWARM_PEERS_MAX) throw full('the swarm is full', SWARM_PEERS_MAX)
    if (this.#isFull(manifest)) this.#dropSilent()
    if (!this.#isFull(manifest)) return
    if (this.#places >= SWARM_PLACES_MAX) throw full('the swarms are full', SWARM_PLACES_MAX)
    throw full('the tracker has too many swarms', SWARMS_MAX)
  }

  #isFull(manifest: ManifestId): boolean {
    const needsSwarm = !this.#swarms.has(manifest)
    return this.#places >= SWARM_PLACES_MAX || (needsSwarm && this.#swarms.size >= SWARMS_MAX)
  }

  #dropSilent(): void {
    for (const manifest of [...this.#swarms.keys()]) this.#living(manifest)
  }

  #make(manifest: ManifestId): Swarm {
    const swarm = new Swarm()
    this.#swarms.set(manifest, swarm)
    return swarm
  }

  /** The swarm without those who have left; undefined when nobody is in it. */
  #living(manifest: ManifestId): Swarm | undefined {
    const swarm = this.#swarms.get(manifest)
    if (swarm === undefined) return undefined
    const sizeBefore = swarm.size
    swarm.dropSilent(this.#clock.now() - ANNOUNCE_EXPIRY_MS)
    this.#places += swarm.size - sizeBefore
    if (swarm.size > 0) return swarm
    this.#swarms.delete(manifest)
    return undefined
  }
}

function full(message: string, limit: number): LimitError {
  return new LimitError(message, { data: { limit } })
}
