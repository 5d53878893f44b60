import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { LimitError } from '../../src/core/errors.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  HANDOUT_PEERS_MAX,
  SWARM_PEERS_MAX,
  SWARM_PLACE_EXPIRY_MS,
} from '../../src/core/limits.ts'
import { SWARM_PLACES_MAX, SWARMS_MAX } from '../../src/core/registry-limits.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../../src/core/router.ts'
import { chooseHandout } from './handout.ts'
import { type Member, Place, Swarm, type SwarmNode } from './swarm.ts'

export interface Announcement {
  readonly manifest: ManifestId
  readonly node: SwarmNode
  readonly addresses: readonly string[]
  readonly runs: number
  readonly runsTotal: number
}

/** How many are in one swarm. */
export interface SwarmCounts {
  readonly manifest: ManifestId
  readonly complete: number
  readonly partial: number
}

/** A peer of one swarm. */
export interface SwarmPeer {
  readonly peer: PeerKey
  readonly node: string
  readonly labels: Readonly<Record<string, string>>
  readonly runs: number
  readonly runsTotal: number
  /** When its node was last heard of, in milliseconds since the epoch. */
  readonly announcedAtMs: number
}

/**
 * Who holds or fetches which manifest, in memory: nodes announce again within seconds, so a restart loses nothing. A node that has
 * not announced for ANNOUNCE_EXPIRY_MS has left all swarms. No call takes time with the size of a swarm but those that list it.
 */
export class Swarms {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #swarms = new Map<ManifestId, Swarm>()
  /** In the order in which they were last heard of, the longest silent first. */
  readonly #members = new Map<PeerKey, Member>()
  /** Peers in all swarms. */
  #places = 0

  constructor(components: { clock: Clock; random?: () => number }) {
    this.#clock = components.clock
    this.#random = components.random ?? Math.random
  }

  /** A sign of life of a node, which counts for every swarm that it is in. */
  renew(node: SwarmNode, addresses: readonly string[]): void {
    this.#dropSilent()
    const address = { peer: node.peer, addresses, labels: node.labels }
    const seenAtMs = this.#clock.monotonic()
    const member = this.#members.get(node.peer)
    this.#members.delete(node.peer)
    if (member === undefined) {
      this.#members.set(node.peer, { node, address, seenAtMs, places: new Map() })
      return
    }
    this.#members.set(node.peer, member)
    const moved = !sameLabels(member.node.labels, node.labels)
    Object.assign(member, { node, address, seenAtMs })
    if (moved) for (const [manifest, place] of member.places) this.#move(manifest, place)
    this.#dropUntold(member)
  }

  /** Enters the node into the swarm, or renews what it holds of it. Errors: LimitError when there is no room. */
  announce(announcement: Announcement): void {
    const { manifest, node, addresses, runs, runsTotal } = announcement
    this.renew(node, addresses)
    const member = this.#members.get(node.peer)
    const place = member?.places.get(manifest)
    const nowMs = this.#clock.monotonic()
    if (member !== undefined && place !== undefined) {
      member.places.delete(manifest)
      member.places.set(manifest, place)
      place.toldAtMs = nowMs
      this.#swarms.get(manifest)?.update(place, { runs, runsTotal })
    } else if (member !== undefined) {
      this.#checkRoom(manifest)
      this.#enter(manifest, new Place({ member, runs, runsTotal, nowMs }))
    }
  }

  /** The origins and other peers of the swarm for this node, each once. */
  handout(manifest: ManifestId, node: SwarmNode, origins: readonly PeerAddress[] = []): PeerAddress[] {
    this.#dropSilent()
    const swarm = this.#swarms.get(manifest)
    if (swarm === undefined) return [...origins]
    const held = this.#members.get(node.peer)?.places.get(manifest)?.held ?? 0
    const chosen = chooseHandout(swarm.peers, {
      ...{ peer: node.peer, labels: node.labels, held, max: HANDOUT_PEERS_MAX - origins.length },
      ...{ without: new Set(origins.map(({ peer }) => peer)), random: this.#random },
      nowMs: this.#clock.monotonic(),
    })
    return [...origins, ...chosen.map(({ member }) => member.address)]
  }

  /** Which of the peers of its rack in the swarm a peer is; undefined where it is not in it, or in no rack. */
  rackPlace(manifest: ManifestId, peer: PeerKey): RackPlace | undefined {
    const place = this.#members.get(peer)?.places.get(manifest)
    return place && this.#swarms.get(manifest)?.peers.placeInRack(place)
  }

  /** Swarms that a node is in. */
  placesOf(peer: PeerKey): number {
    return this.#members.get(peer)?.places.size ?? 0
  }

  /** Peers that say they hold all of a manifest. */
  holders(manifest: ManifestId): ReadonlySet<PeerKey> {
    this.#dropSilent()
    const places = [...(this.#swarms.get(manifest)?.places() ?? [])]
    return new Set(places.filter(({ complete }) => complete).map(({ peer }) => peer))
  }

  /** Takes a peer out of a swarm. Unknown ones are ignored. */
  leave(manifest: ManifestId, peer: PeerKey): void {
    const place = this.#members.get(peer)?.places.get(manifest)
    if (place !== undefined) this.#remove(manifest, place)
  }

  /** Takes a peer out of every swarm: it has said goodbye, its node was revoked, or has another key. */
  forget(peer: PeerKey): void {
    const member = this.#members.get(peer)
    if (member === undefined) return
    for (const [manifest, place] of member.places) this.#remove(manifest, place)
    this.#members.delete(peer)
  }

  /** Nodes that announce, swarms, and peers in all of them. */
  totals(): { nodes: number; swarms: number; complete: number; partial: number } {
    let complete = 0
    for (const counts of this.list()) complete += counts.complete
    return {
      nodes: this.#members.size,
      swarms: this.#swarms.size,
      complete,
      partial: this.#places - complete,
    }
  }

  /** Manifests with somebody in their swarm. */
  manifests(): ManifestId[] {
    this.#dropSilent()
    return [...this.#swarms.keys()]
  }

  /** Undefined when nobody is in it. */
  counts(manifest: ManifestId): SwarmCounts | undefined {
    this.#dropSilent()
    const swarm = this.#swarms.get(manifest)
    if (swarm === undefined) return undefined
    return { manifest, complete: swarm.complete, partial: swarm.size - swarm.complete }
  }

  /** Swarms with somebody in them. */
  *list(): Generator<SwarmCounts> {
    for (const manifest of this.manifests()) {
      const counts = this.counts(manifest)
      if (counts !== undefined) yield counts
    }
  }

  /** Everybody in a swarm, in no order. */
  peers(manifest: ManifestId): SwarmPeer[] {
    this.#dropSilent()
    const places = [...(this.#swarms.get(manifest)?.places() ?? [])]
    return places.map((place) => this.#peerOf(place))
  }

  /** One peer in a swarm; undefined when it is not in it. */
  peer(manifest: ManifestId, peer: PeerKey): SwarmPeer | undefined {
    const place = this.#members.get(peer)?.places.get(manifest)
    return place && this.#peerOf(place)
  }

  #peerOf({ member, peer, runs, runsTotal }: Place): SwarmPeer {
    const { node, seenAtMs } = member
    const announcedAtMs = this.#clock.now() - (this.#clock.monotonic() - seenAtMs)
    return { peer, node: node.name, labels: node.labels, runs, runsTotal, announcedAtMs }
  }

  #enter(manifest: ManifestId, place: Place): void {
    const swarm = this.#swarms.get(manifest) ?? new Swarm()
    this.#swarms.set(manifest, swarm)
    swarm.add(place)
    place.member.places.set(manifest, place)
    this.#places++
  }

  #remove(manifest: ManifestId, place: Place): void {
    const swarm = this.#swarms.get(manifest)
    swarm?.delete(place)
    place.member.places.delete(manifest)
    this.#places--
    if (swarm?.size === 0) this.#swarms.delete(manifest)
  }

  /** The node stands elsewhere now. */
  #move(manifest: ManifestId, { member, runs, runsTotal, toldAtMs }: Place): void {
    const before = member.places.get(manifest)
    if (before === undefined) return
    this.#swarms.get(manifest)?.delete(before)
    const place = new Place({ member, runs, runsTotal, nowMs: toldAtMs })
    member.places.set(manifest, place)
    this.#swarms.get(manifest)?.add(place)
  }

  #dropSilent(): void {
    const oldestMs = this.#clock.monotonic() - ANNOUNCE_EXPIRY_MS
    for (const [peer, { seenAtMs }] of this.#members) {
      if (seenAtMs > oldestMs) return
      this.forget(peer)
    }
  }

  /** Places that the node has not told of for long: it has left, and the message was lost. */
  #dropUntold(member: Member): void {
    const oldestMs = this.#clock.monotonic() - SWARM_PLACE_EXPIRY_MS
    for (const [manifest, place] of member.places) {
      if (place.toldAtMs > oldestMs) return
      this.#remove(manifest, place)
    }
  }

  /** Makes sure that one more peer has room. Throws LimitError. */
  #checkRoom(manifest: ManifestId): void {
    const swarm = this.#swarms.get(manifest)
    if ((swarm?.size ?? 0) >= SWARM_PEERS_MAX) throw full('the swarm is full', SWARM_PEERS_MAX)
    if (this.#places >= SWARM_PLACES_MAX) throw full('the swarms are full', SWARM_PLACES_MAX)
    if (swarm === undefined && this.#swarms.size >= SWARMS_MAX)
      throw full('the tracker has too many swarms', SWARMS_MAX)
  }
}

function full(message: string, limit: number): LimitError {
  return new LimitError(message, { data: { limit } })
}

function sameLabels(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}
