import { RACK_NAMES_MAX } from '../../core/limits.ts'
import type { RackPlace } from '../../core/router.ts'
import { RecentSet } from '../../util/recent-set.ts'
import type { FetchPeer } from './fetch-peer.ts'
import { Stewards } from './stewards.ts'
import { eachUnit, type Units } from './units.ts'

/** The own rack in one session: nothing at all until a mate is known, then the stewards. */
export class Rack {
  readonly #init: { runs: number; parts: number; self: string }
  readonly #mates = new RecentSet<string>({ max: RACK_NAMES_MAX })
  /** The same with those that have left. */
  readonly #heardOf = new RecentSet<string>({ max: RACK_NAMES_MAX })
  #place: RackPlace | undefined
  readonly #peers = new Set<FetchPeer>()
  #stewards: Stewards | undefined
  #refreshMs = Number.POSITIVE_INFINITY

  constructor(init: { runs: number; parts: number; self: string }) {
    this.#init = init
  }

  /** When `allowed` may change although no fact came in. */
  get wakeMs(): number {
    return this.#refreshMs
  }

  /** To be called before `allowed` once time has passed; `wakeMs` is later than now after it. */
  refresh(nowMs: number): void {
    if (this.#stewards === undefined || nowMs < this.#refreshMs) return
    this.#refreshMs = this.#stewards.refresh(nowMs)
  }

  /** Units that may be wanted from a peer; undefined where every one may. */
  allowed(peer: FetchPeer): Units | undefined {
    return this.#stewards === undefined || isMate(peer) ? undefined : this.#stewards.allowed
  }

  /** Peers of the rack that fetch or hold the image, neighbours or not. */
  know(mates: readonly string[], nowMs: number): void {
    const joined = new Set([...this.#peers].map(({ key }) => key))
    const counted = this.#counts(this.#place)
    let changed = false
    for (const mate of mates) {
      if (mate === this.#init.self) continue
      this.#heardOf.add(mate)
      if (this.#mates.add(mate, (other) => joined.has(other))) changed = true
    }
    // Names do not matter where places stand for them, before and after.
    if (changed && !(counted && this.#counts(this.#place))) this.#changed(nowMs)
  }

  /** Which one of the rack this peer is, as the tracker counts. */
  placed(place: RackPlace, nowMs: number): void {
    const before = this.#place
    if (before?.place === place.place && before.of === place.of) return
    this.#place = place
    if (this.#counts(before) || this.#counts(place)) this.#changed(nowMs)
  }

  /** A peer that only may have things counts for nobody: waiting for what it has not would never end. */
  joined(peer: FetchPeer, nowMs: number): void {
    if (peer.related) return
    this.#peers.add(peer)
    if (isMate(peer)) this.know([peer.key], nowMs)
    if (this.#stewards !== undefined) this.#count(this.#stewards, peer, nowMs)
  }

  left(peer: FetchPeer, nowMs: number): void {
    if (peer.related) return
    const counted = this.#peers.delete(peer) && this.#stewards !== undefined && isMate(peer)
    if (counted) eachUnit(peer.units, (unit) => this.#stewards?.mateLost(unit))
    if (isMate(peer) && this.#mates.delete(peer.key)) this.#changed(nowMs)
  }

  has(peer: FetchPeer, unit: number, nowMs: number): void {
    if (this.#stewards === undefined) return
    if (isMate(peer)) this.#stewards.mateHas(unit, nowMs)
    else {
      this.#stewards.outsiderHas(unit, nowMs)
      this.#refreshMs = Math.min(this.#refreshMs, nowMs + this.#stewards.waitMs)
    }
  }

  /** Whether there are more in the rack than are known by name: only then all can agree by their places alone. */
  #counts(place: RackPlace | undefined): place is RackPlace {
    return place !== undefined && place.of - 1 > this.#heardOf.size
  }

  #changed(nowMs: number): void {
    if (this.#stewards === undefined) {
      this.#stewards = new Stewards(this.#init)
      for (const peer of this.#peers) if (!isMate(peer)) this.#count(this.#stewards, peer, nowMs)
    }
    if (this.#counts(this.#place)) this.#stewards.setPlace(this.#place)
    else this.#stewards.setMates([...this.#mates])
    this.#refreshMs = nowMs
  }

  #count(stewards: Stewards, peer: FetchPeer, nowMs: number): void {
    if (peer.origin) return
    if (isMate(peer)) eachUnit(peer.units, (unit) => stewards.mateHas(unit, nowMs))
    else eachUnit(peer.units, (unit) => stewards.outsiderHas(unit, nowMs))
    this.#refreshMs = nowMs
  }
}

function isMate(peer: FetchPeer): boolean {
  return peer.nearness === 2 && !peer.origin
}
