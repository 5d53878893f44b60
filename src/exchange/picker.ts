import type { Bitmap } from '../core/bitmap.ts'
import { ENDGAME_COPIES_MAX, PICK_SAMPLE_RUNS } from '../core/limits.ts'

/** Source of random numbers in [0, 1); seeded in tests and in the simulator. */
export type Random = () => number

const UNPLANNED = 0
const MISSING = 1
const FLYING = 2
const HELD = 3

interface Flight {
  startedMs: number
  peers: Set<string>
}

/**
 * Chooses the next run to want from a peer: the rarest among the neighbours, ties at random; near the
 * end a second copy of what another peer is slow to send. Only bookkeeping: it touches no socket and no clock.
 */
export class Picker {
  readonly #state: Uint8Array
  readonly #availability: Uint16Array
  /** The runs in state MISSING, in no order, with the place of each. */
  readonly #missing: Uint32Array
  readonly #place: Uint32Array
  readonly #flights = new Map<number, Flight>()
  readonly #peers = new Map<string, Bitmap>()
  readonly #random: Random
  #missingCount = 0
  #availableCount = 0

  constructor(init: { runs: number; random: Random }) {
    this.#state = new Uint8Array(init.runs)
    this.#availability = new Uint16Array(init.runs)
    this.#missing = new Uint32Array(init.runs)
    this.#place = new Uint32Array(init.runs)
    this.#random = init.random
  }

  get missingCount(): number {
    return this.#missingCount
  }

  /** Missing runs that some peer holds. */
  get availableCount(): number {
    return this.#availableCount
  }

  get flyingCount(): number {
    return this.#flights.size
  }

  /** How many of the known peers hold a run. */
  availability(run: number): number {
    return this.#availability[run] ?? 0
  }

  /** Takes the peer's bitmap as its own; later changes come through `peerHas`. */
  addPeer(peer: string, have: Bitmap): void {
    this.removePeer(peer)
    this.#peers.set(peer, have)
    for (const run of have) this.#count(run, 1)
  }

  removePeer(peer: string): void {
    const have = this.#peers.get(peer)
    if (have === undefined) return
    this.#peers.delete(peer)
    for (const run of have) this.#count(run, -1)
  }

  peerHas(peer: string, run: number): void {
    const have = this.#peers.get(peer)
    if (have !== undefined && run < have.size && have.set(run)) this.#count(run, 1)
  }

  #count(run: number, by: 1 | -1): void {
    const before = this.availability(run)
    this.#availability[run] = before + by
    if (this.#state[run] === MISSING && (before === 0 || before + by === 0)) this.#availableCount += by
  }

  /** The run is wanted: planned and not here, or its want has failed. */
  setMissing(run: number): void {
    if (this.#state[run] === MISSING || this.#state[run] === HELD) return
    this.#flights.delete(run)
    this.#state[run] = MISSING
    this.#place[run] = this.#missingCount
    this.#missing[this.#missingCount++] = run
    if (this.availability(run) > 0) this.#availableCount++
  }

  /** A held run was lost again: it is wanted once more. */
  setLost(run: number): void {
    if (this.#state[run] !== HELD) return
    this.#state[run] = UNPLANNED
    this.setMissing(run)
  }

  setHeld(run: number): void {
    this.#leaveMissing(run)
    this.#flights.delete(run)
    this.#state[run] = HELD
  }

  isMissing(run: number): boolean {
    return this.#state[run] === MISSING
  }

  isUnplanned(run: number): boolean {
    return this.#state[run] === UNPLANNED
  }

  /** A want for the run has been sent to the peer. */
  started(run: number, peer: string, nowMs: number): void {
    this.#leaveMissing(run)
    this.#state[run] = FLYING
    const flight = this.#flights.get(run) ?? { startedMs: nowMs, peers: new Set() }
    flight.peers.add(peer)
    this.#flights.set(run, flight)
  }

  /** The peer will not send the run. It is missing again unless another peer is sending it. */
  failed(run: number, peer: string): void {
    const flight = this.#flights.get(run)
    if (flight === undefined || !flight.peers.delete(peer)) return
    if (flight.peers.size === 0) this.setMissing(run)
  }

  /** Peers that are sending the run. */
  senders(run: number): readonly string[] {
    return [...(this.#flights.get(run)?.peers ?? [])]
  }

  /** The rarest missing run that the peer holds, among a bounded random sample; undefined when there is none. */
  pick(peer: string): number | undefined {
    const have = this.#peers.get(peer)
    if (have === undefined || this.#missingCount === 0) return undefined
    const sample = Math.min(this.#missingCount, PICK_SAMPLE_RUNS)
    let at = Math.floor(this.#random() * this.#missingCount)
    let best: number | undefined
    let ties = 0
    for (let i = 0; i < sample; i++, at++) {
      const run = this.#missing[at % this.#missingCount] ?? 0
      if (!have.has(run)) continue
      const gain = best === undefined ? 1 : this.availability(best) - this.availability(run)
      if (gain > 0) ties = 0
      if (gain >= 0 && this.#random() * ++ties < 1) best = run
    }
    return best
  }

  /** A run in flight since before `beforeMs` that this peer could send as well; only when nothing is missing. */
  pickEndgame(peer: string, beforeMs: number): number | undefined {
    const have = this.#peers.get(peer)
    if (have === undefined || this.#missingCount > 0) return undefined
    let oldest: number | undefined
    let startedMs = beforeMs
    for (const [run, flight] of this.#flights) {
      const open = flight.peers.size < ENDGAME_COPIES_MAX && !flight.peers.has(peer) && have.has(run)
      if (open && flight.startedMs < startedMs) {
        oldest = run
        startedMs = flight.startedMs
      }
    }
    return oldest
  }

  #leaveMissing(run: number): void {
    if (this.#state[run] !== MISSING) return
    const place = this.#place[run] ?? 0
    if (this.availability(run) > 0) this.#availableCount--
    const last = this.#missing[--this.#missingCount] ?? 0
    this.#missing[place] = last
    this.#place[last] = place
  }
}
