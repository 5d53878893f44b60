import type { ManifestId } from '../../src/core/cid.ts'
import type { Labels } from '../../src/core/nearness.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import type { Candidate } from './handout.ts'
import { Locality } from './locality.ts'

/** A node, as the tracker knows it. */
export interface SwarmNode {
  readonly name: string
  readonly peer: PeerKey
  readonly labels: Labels
}

/** A node that announces itself: one sign of life counts for all its places. Times of a monotonic clock. */
export interface Member {
  node: SwarmNode
  address: PeerAddress & { readonly labels: Labels }
  seenAtMs: number
  /** In the order in which it last told of them, the oldest first. */
  readonly places: Map<ManifestId, Place>
}

/** A peer in one swarm. */
export class Place implements Candidate {
  readonly member: Member
  /** As they were when it entered. */
  readonly labels: Labels
  readonly slots = [-1, -1, -1]
  runs: number
  runsTotal: number
  toldAtMs: number
  given = 0
  givenAtMs = 0

  constructor(init: { member: Member; runs: number; runsTotal: number; nowMs: number }) {
    this.member = init.member
    this.labels = init.member.node.labels
    this.runs = init.runs
    this.runsTotal = init.runsTotal
    this.toldAtMs = init.nowMs
  }

  get peer(): PeerKey {
    return this.member.node.peer
  }

  get complete(): boolean {
    return this.runs === this.runsTotal
  }

  get held(): number {
    return this.complete ? 1 : this.runs / this.runsTotal
  }
}

/** The peers of one manifest. */
export class Swarm {
  readonly peers = new Locality<Place>()
  #complete = 0

  get size(): number {
    return this.peers.all.size
  }

  /** Peers that hold all of it. */
  get complete(): number {
    return this.#complete
  }

  add(place: Place): void {
    this.peers.add(place)
    if (place.complete) this.#complete++
  }

  delete(place: Place): void {
    this.peers.delete(place)
    if (place.complete) this.#complete--
  }

  /** What a peer holds by now. */
  update(place: Place, told: { runs: number; runsTotal: number }): void {
    if (place.complete) this.#complete--
    place.runs = told.runs
    place.runsTotal = told.runsTotal
    if (place.complete) this.#complete++
  }

  /** In no order. */
  *places(): Generator<Place> {
    for (let i = 0; i < this.size; i++) {
      const place = this.peers.all.at(i)
      if (place !== undefined) yield place
    }
  }
}
