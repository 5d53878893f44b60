import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import {
  GUEST_FLIGHT_BYTES_MAX,
  HEDGE_SLACK_MS,
  READ_SEEKERS_MAX,
  READ_UNKNOWN_BYTES_MS,
  READ_UNKNOWN_MS,
  STEWARD_WAIT_MS,
} from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import type { BlockRead } from './block-read.ts'
import { hashOf, mix } from './policy/stewards.ts'
import { hasUnit, partsAt } from './policy/units.ts'
import type { SessionPeer } from './session-peer.ts'

/** Whom to ask, and how. */
export interface ReadSource {
  readonly peer: SessionPeer
  readonly byDigest: boolean
}

/**
 * Whom to ask for the blocks of a read: the peer that should give them first of those that told that they have them; an origin when nobody has. Machines that boot together read the same: each of the
 * peers that lack it brings in a share, by rendezvous hashing of the part and their names; the others ask that one by digest first, because nobody tells of less than a part. State only.
 */
export class ReadSources {
  readonly #allParts: number
  readonly #partsPerRun: number
  readonly #self: number
  /** Of blocks that were asked for here in vain: who asked last. */
  readonly #seekers = new Map<DigestKey, PeerKey>()
  readonly #flightBytes = new Map<SessionPeer, number>()

  constructor(init: { partsPerRun: number; self: PeerKey }) {
    this.#self = hashOf(init.self)
    this.#partsPerRun = init.partsPerRun
    this.#allParts = 2 ** init.partsPerRun - 1
  }

  began(peer: SessionPeer, bytes: number): void {
    this.#flightBytes.set(peer, this.#flightOf(peer) + bytes)
  }

  ended(peer: SessionPeer, bytes: number): void {
    const left = this.#flightOf(peer) - bytes
    if (left > 0) this.#flightBytes.set(peer, left)
    else this.#flightBytes.delete(peer)
  }

  choose(read: BlockRead, peers: readonly SessionPeer[], nowMs: number): ReadSource | undefined {
    let best: SessionPeer | undefined
    for (const peer of peers) {
      if (!this.#mayGive(peer, read) || !read.mayAsk(peer, nowMs)) continue
      if (best === undefined || this.#isBetter(peer, best, read.bytes)) best = peer
    }
    const first = best && { peer: best, byDigest: false }
    if (best?.origin === false || nowMs - read.beganMs > STEWARD_WAIT_MS) return first
    const steward = this.#stewardOf(read, peers)
    if (steward === undefined) {
      const seeker = this.#seekerOf(read, peers)
      return seeker !== undefined && read.mayAsk(seeker, nowMs) ? { peer: seeker, byDigest: true } : first
    }
    if (read.mayAsk(steward, nowMs)) return { peer: steward, byDigest: true }
    return read.class === 'guest' ? first : undefined
  }

  /** Who is to bring in the part; undefined for this peer itself. */
  #stewardOf(read: BlockRead, peers: readonly SessionPeer[]): SessionPeer | undefined {
    const key = read.run * this.#partsPerRun + (31 - Math.clz32(read.parts))
    let highest = mix(this.#self, key)
    let steward: SessionPeer | undefined
    for (const peer of peers) {
      if (peer.origin || peer.related !== undefined || peer.connection.closed) continue
      const hash = mix(hashOf(peer.key), key)
      if (hash <= highest) continue
      highest = hash
      steward = peer
    }
    return steward
  }

  /** A guest of a peer waits for these blocks, which are not on their way here: it goes on to an origin, and has them before long. */
  sought(digests: readonly Digest[], by: PeerKey): void {
    for (const key of digests.map(digestKey)) {
      this.#seekers.delete(key)
      this.#seekers.set(key, by)
    }
    for (const key of this.#seekers.keys()) {
      if (this.#seekers.size <= READ_SEEKERS_MAX) return
      this.#seekers.delete(key)
    }
  }

  #seekerOf({ blocks, indices }: BlockRead, peers: readonly SessionPeer[]): SessionPeer | undefined {
    const digest = blocks.digests[indices[0] ?? 0]
    const by = digest && this.#seekers.get(digestKey(digest))
    return by && peers.find((peer) => peer.key === by && !peer.connection.closed)
  }

  /** When a want that goes to the peer now is late: twice what its rate explains, or so much that a full queue on the way is not it. */
  lateMs(peer: SessionPeer, nowMs: number): number {
    return nowMs + Math.max(HEDGE_SLACK_MS, 2 * this.#expectedMs(peer, 0))
  }

  #mayGive(peer: SessionPeer, read: BlockRead): boolean {
    const { fetch, connection } = peer
    if (fetch === undefined || peer.related !== undefined || connection.closed) return false
    const flight = this.#flightOf(peer)
    if (flight > 0 && flight + read.bytes > GUEST_FLIGHT_BYTES_MAX) return false
    if (peer.origin) return true
    const first = read.run * this.#partsPerRun
    if (this.#partsPerRun === 1) return hasUnit(fetch.units, first)
    return (read.parts & ~partsAt(fetch.units, first, this.#allParts)) === 0
  }

  #isBetter(peer: SessionPeer, other: SessionPeer, bytes: number): boolean {
    if (peer.origin !== other.origin) return other.origin
    return this.#expectedMs(peer, bytes) < this.#expectedMs(other, bytes)
  }

  #expectedMs(peer: SessionPeer, bytes: number): number {
    const { pace } = peer.fetch ?? {}
    if (pace?.isKnown === true) return pace.expectedMs(this.#flightOf(peer) + bytes)
    return READ_UNKNOWN_MS + this.#flightOf(peer) / READ_UNKNOWN_BYTES_MS
  }

  #flightOf(peer: SessionPeer): number {
    return this.#flightBytes.get(peer) ?? 0
  }
}
