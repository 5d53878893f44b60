import type { Random } from '../../core/random.ts'
import type { FetchPeer } from './fetch-peer.ts'
import { anyBit, clearUnit, eachUnit, hasUnit, setUnit, type Units, unitsOf } from './units.ts'

const UNPLANNED = 0
const MISSING = 1
const FLYING = 2
const HELD = 3

/**
 * Which unit (a run, or a part of one) to want next from a peer: the rarest among the neighbours, ties at random. Missing units lie in
 * one set for each number of neighbours that hold them, so a pick looks at words of sets, the rarest set first, and stops at the
 * first that it shares with the peer; peers that hold nothing missing are known by a count. Touches no clock.
 */
export class Picker {
  readonly units: number
  readonly #random: Random
  readonly #state: Uint8Array
  readonly #availability: Uint8Array
  /** Wants under way for each unit. */
  readonly #senders: Uint8Array
  /** Missing units by availability. */
  readonly #buckets: { units: Units; count: number }[] = []
  readonly #peers = new Set<FetchPeer>()
  #missingCount = 0
  #heldCount = 0
  #unplannedCount: number

  constructor(init: { units: number; random: Random }) {
    this.units = init.units
    this.#random = init.random
    this.#state = new Uint8Array(init.units)
    this.#availability = new Uint8Array(init.units)
    this.#senders = new Uint8Array(init.units)
    this.#unplannedCount = init.units
  }

  /** Units wanted and not under way. */
  get missingCount(): number {
    return this.#missingCount
  }

  /** Missing units that some neighbour holds. */
  get availableCount(): number {
    return this.#missingCount - (this.#buckets[0]?.count ?? 0)
  }

  get heldCount(): number {
    return this.#heldCount
  }

  get unplannedCount(): number {
    return this.#unplannedCount
  }

  availability(unit: number): number {
    return this.#availability[unit] ?? 0
  }

  isMissing(unit: number): boolean {
    return this.#state[unit] === MISSING
  }

  /** Whether one of so many units from `first` on is missing. */
  isAnyMissing(first: number, count: number): boolean {
    for (let unit = first; unit < first + count; unit++) if (this.isMissing(unit)) return true
    return false
  }

  isUnplanned(unit: number): boolean {
    return this.#state[unit] === UNPLANNED
  }

  isHeld(unit: number): boolean {
    return this.#state[unit] === HELD
  }

  /** Bit k: the k-th unit from `first` on is here. */
  heldAt(first: number, count: number): number {
    let held = 0
    for (let k = 0; k < count; k++) if (this.#state[first + k] === HELD) held |= 1 << k
    return held
  }

  isFlying(unit: number): boolean {
    return this.#state[unit] === FLYING
  }

  addPeer(peer: FetchPeer): void {
    this.#peers.add(peer)
    eachUnit(peer.units, (unit) => this.#count(peer, unit, 1))
  }

  removePeer(peer: FetchPeer): void {
    if (this.#peers.delete(peer)) eachUnit(peer.units, (unit) => this.#count(peer, unit, -1))
  }

  /** The peer does not hold a unit that it was believed to hold. */
  peerLacks(peer: FetchPeer, unit: number): void {
    if (unit >= this.units || !hasUnit(peer.units, unit)) return
    this.#count(peer, unit, -1)
    clearUnit(peer.units, unit)
  }

  /** Returns false when that was known. */
  peerHas(peer: FetchPeer, unit: number): boolean {
    if (unit >= this.units || hasUnit(peer.units, unit)) return false
    setUnit(peer.units, unit)
    this.#count(peer, unit, 1)
    return true
  }

  #count(peer: FetchPeer, unit: number, by: 1 | -1): void {
    const before = this.availability(unit)
    this.#availability[unit] = before + by
    if (!this.isMissing(unit)) return
    peer.interest += by
    this.#take(unit, before)
    this.#put(unit, before + by)
  }

  /** The unit is wanted: planned and not here, or its last want has failed. */
  setMissing(unit: number): void {
    const state = this.#state[unit]
    if (state === MISSING || state === HELD) return
    if (state === UNPLANNED) this.#unplannedCount--
    this.#state[unit] = MISSING
    this.#senders[unit] = 0
    this.#missingCount++
    this.#put(unit, this.availability(unit))
    for (const peer of this.#peers) if (hasUnit(peer.units, unit)) peer.interest++
  }

  setHeld(unit: number): void {
    const state = this.#state[unit]
    if (state === HELD) return
    if (state === UNPLANNED) this.#unplannedCount--
    this.#leaveMissing(unit)
    this.#state[unit] = HELD
    this.#senders[unit] = 0
    this.#heldCount++
  }

  /** A held unit was lost again: it is wanted once more. */
  setLost(unit: number): void {
    if (!this.isHeld(unit)) return
    this.#heldCount--
    this.#state[unit] = FLYING
    this.setMissing(unit)
  }

  /** A want for the unit has gone out. */
  started(unit: number): void {
    if (this.isHeld(unit)) return
    this.#leaveMissing(unit)
    this.#state[unit] = FLYING
    this.#senders[unit] = (this.#senders[unit] ?? 0) + 1
  }

  /** A want for the unit will not be answered: it is missing again when that was the last one. */
  failed(unit: number): void {
    if (!this.isFlying(unit)) return
    const senders = (this.#senders[unit] ?? 1) - 1
    this.#senders[unit] = senders
    if (senders === 0) this.setMissing(unit)
  }

  /** Wants under way for a unit. */
  senders(unit: number): number {
    return this.#senders[unit] ?? 0
  }

  /** The rarest missing unit that the peer holds, of those in `among` and `also` when they are given; undefined when there is none. */
  pick(peer: FetchPeer, among?: Units, also?: Units): number | undefined {
    if (peer.interest === 0) return undefined
    for (let rarity = 1; rarity < this.#buckets.length; rarity++) {
      const bucket = this.#buckets[rarity]
      if (bucket === undefined || bucket.count === 0) continue
      const unit = this.#common([bucket.units, peer.units], among, also)
      if (unit !== undefined) return unit
    }
    return undefined
  }

  /** A missing unit of the set that no neighbour holds. */
  pickUnheld(among: Units): number | undefined {
    const unheld = this.#buckets[0]
    if (unheld === undefined || unheld.count === 0) return undefined
    return this.#common([unheld.units, among])
  }

  /** A unit of all these sets, from a random place on. */
  #common([one, other]: readonly [Units, Units], among?: Units, also?: Units): number | undefined {
    const { length } = one
    let at = Math.floor(this.#random() * length)
    for (let looked = 0; looked < length; looked++) {
      const both = (one[at] ?? 0) & (other[at] ?? 0)
      const some = among === undefined ? both : both & (among[at] ?? 0)
      const word = also === undefined ? some : some & (also[at] ?? 0)
      if (word !== 0) return at * 32 + anyBit(word, this.#random)
      if (++at === length) at = 0
    }
    return undefined
  }

  #leaveMissing(unit: number): void {
    if (!this.isMissing(unit)) return
    this.#missingCount--
    this.#take(unit, this.availability(unit))
    for (const peer of this.#peers) if (hasUnit(peer.units, unit)) peer.interest--
  }

  #take(unit: number, rarity: number): void {
    const bucket = this.#buckets[rarity]
    if (bucket === undefined) return
    clearUnit(bucket.units, unit)
    bucket.count--
  }

  #put(unit: number, rarity: number): void {
    this.#buckets[rarity] ??= { units: unitsOf(this.units), count: 0 }
    const bucket = this.#buckets[rarity]
    setUnit(bucket.units, unit)
    bucket.count++
  }
}
