import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { LimitError, NotAuthorisedError } from '../../src/core/errors.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  HANDOUT_PEERS_MAX,
  SWARM_PEERS_MAX,
  SWARM_PLACES_MAX,
  SWARMS_MAX,
} from '../../src/core/limits.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import { chooseHandout } from './handout.ts'

/** A peer of one swarm, as it last announced itself. */
export interface SwarmPeer {
  readonly address: PeerAddress & { readonly labels: Readonly<Record<string, string>> }
  /** Distinguished name of the node. */
  readonly principal: string
  readonly runs: number
  readonly runsTotal: number
  readonly announcedAtMs: number
}

export interface Announcement {
  readonly manifest: ManifestId
  readonly principal: string
  readonly peer: PeerKey
  readonly addresses: readonly string[]
  /** Those of the announcement before when left out. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly runs: number
  readonly runsTotal: number
}

/**
 * Who holds or fetches which manifest, in memory: nodes announce again within seconds, so a restart loses nothing.
 * A peer that has not announced for ANNOUNCE_EXPIRY_MS has left.
 */
export class Swarms {
  readonly #clock: Clock
  readonly #swarms = new Map<ManifestId, Map<PeerKey, SwarmPeer>>()
  #origin: PeerAddress | undefined
  /** Peers in all swarms. */
  #places = 0

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** From now on every handout has the tracker's own peer. */
  setOrigin(origin: PeerAddress): void {
    this.#origin = { ...origin, origin: true }
  }

  /**
   * Enters the peer into the swarm or renews it. Errors: NotAuthorisedError when the peer belongs to another principal,
   * LimitError when there is no room.
   */
  announce(announcement: Announcement): void {
    const { manifest, principal, peer, addresses, labels, runs, runsTotal } = announcement
    const swarm = this.#living(manifest) ?? this.#make(manifest)
    const before = swarm.get(peer)
    if (before !== undefined && before.principal !== principal) {
      throw new NotAuthorisedError(`peer ${peer} belongs to another principal`)
    }
    if (before === undefined && swarm.size >= SWARM_PEERS_MAX) {
      throw new LimitError('the swarm is full', { data: { limit: SWARM_PEERS_MAX } })
    }
    if (before === undefined) this.#takePlace()
    const address = { peer, addresses, labels: labels ?? before?.address.labels ?? {} }
    swarm.delete(peer)
    swarm.set(peer, { address, principal, runs, runsTotal, announcedAtMs: this.#clock.now() })
  }

  /** The origin and peers of the swarm for this peer. */
  handout(manifest: ManifestId, peer: PeerKey): PeerAddress[] {
    const swarm = this.#living(manifest)
    const others: PeerAddress[] = []
    for (const [key, other] of swarm ?? []) if (key !== peer) others.push(other.address)
    const origin = this.#origin === undefined ? [] : [this.#origin]
    const labels = swarm?.get(peer)?.address.labels ?? {}
    return [...origin, ...chooseHandout(others, { max: HANDOUT_PEERS_MAX - origin.length, labels })]
  }

  /** Takes the peer out, when it is this principal's. Unknown ones are ignored. */
  leave(manifest: ManifestId, peer: PeerKey, principal: string): void {
    const swarm = this.#swarms.get(manifest)
    if (swarm?.get(peer)?.principal !== principal) return
    swarm.delete(peer)
    this.#places--
    if (swarm.size === 0) this.#swarms.delete(manifest)
  }

  /** Swarms with somebody in them. */
  *list(): Generator<{ manifest: ManifestId; peers: SwarmPeer[] }> {
    for (const manifest of [...this.#swarms.keys()]) {
      const swarm = this.#living(manifest)
      if (swarm !== undefined) yield { manifest, peers: [...swarm.values()] }
    }
  }

  #takePlace(): void {
    if (this.#places >= SWARM_PLACES_MAX) this.#dropSilent()
    if (this.#places >= SWARM_PLACES_MAX) {
      throw new LimitError('the swarms are full', { data: { limit: SWARM_PLACES_MAX } })
    }
    this.#places++
  }

  #dropSilent(): void {
    for (const manifest of [...this.#swarms.keys()]) this.#living(manifest)
  }

  #make(manifest: ManifestId): Map<PeerKey, SwarmPeer> {
    if (this.#swarms.size >= SWARMS_MAX) this.#dropSilent()
    if (this.#swarms.size >= SWARMS_MAX) {
      throw new LimitError('the tracker has too many swarms', { data: { limit: SWARMS_MAX } })
    }
    const swarm = new Map<PeerKey, SwarmPeer>()
    this.#swarms.set(manifest, swarm)
    return swarm
  }

  /** The swarm without those who have left. Peers lie in the order of their announcements, oldest first. */
  #living(manifest: ManifestId): Map<PeerKey, SwarmPeer> | undefined {
    const swarm = this.#swarms.get(manifest)
    if (swarm === undefined) return undefined
    const oldestMs = this.#clock.now() - ANNOUNCE_EXPIRY_MS
    for (const [peer, { announcedAtMs }] of swarm) {
      if (announcedAtMs > oldestMs) break
      swarm.delete(peer)
      this.#places--
    }
    if (swarm.size > 0) return swarm
    this.#swarms.delete(manifest)
    return undefined
  }
}
