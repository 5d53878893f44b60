import {
  ENDGAME_AFTER_WANTS,
  PEER_FLIGHT_BYTES_MAX,
  RUN_BYTES_MAX,
  STARVING_AFTER_MS,
} from '../../core/limits.ts'
import type { RackPlace } from '../../core/router.ts'
import { Chooser } from './chooser.ts'
import type { FetchPolicyInit, PeerJoin } from './fetch-facts.ts'
import { FetchPeer } from './fetch-peer.ts'
import { Hedges, usualLateMs } from './hedges.ts'
import { OriginAsks } from './origin-asks.ts'
import { Picker } from './picker.ts'
import { Rack } from './rack.ts'
import { partsAt, partsFor, unitsOf, unitsOfRuns } from './units.ts'
import { Urgency } from './urgency.ts'
import type { Decision, Want, WantFailure } from './want.ts'
import { WantList } from './want-list.ts'
import { WantOutcomes } from './want-outcomes.ts'

/**
 * What one session wants from whom, and when: rarest first, as much under way at a peer as it delivers in its round trip and some
 * more, stragglers hedged, the origin asked for what it assigns.
 *
 * The contract: facts go in, decisions come out; nothing here waits, sends, stores or sets a timer. `nowMs` is any clock that never
 * goes back. After any fact call `next` until it returns undefined, and do each decision; call it again at `wakeMs` at the latest.
 *
 *  peer      `joined` → `peerHas` … → `left` (its wants have failed with that, without a call)
 *  plan      `missing` and `held` for each run once, in any order and at any time, then `planned`
 *  want      decision `want` → `sized` (optional) → `answered` → `stored`, or `failed` or `lacked` at any point before
 *  cancel    decision `cancel` → `failed`, or `answered` when the answer was on its way
 *  ask       decision `ask` → `assigned` or `askFailed`
 *  loss      `lost` for a run that was held and is not any more
 *  apart     `found` for parts that came without a want; `resumed` after a time in which `next` was not called
 *  rack      `mates` with peers of the own rack that are in the swarm, neighbours or not, whenever more are known; `placed` with the
 *            tracker's count of them
 *  class     `raise` for a run that a guest waits for or a boot will read
 *
 * A run travels in `partsPerRun` parts while an image has few runs; a set of parts is a number, bit k for part k. A caller without parts
 * gives `parts: 1`. Sizes are uncompressed bytes. The work of a call does not grow with the image, but for `joined` and `left`.
 */
export class FetchPolicy {
  readonly runs: number
  readonly partsPerRun: number
  /** All parts of a run. */
  readonly allParts: number
  readonly #picker: Picker
  readonly #wants = new WantList(usualLateMs)
  readonly #hedges: Hedges
  readonly #asks: OriginAsks
  readonly #rack: Rack
  readonly #urgency: Urgency
  readonly #chooser: Chooser
  readonly #outcomes: WantOutcomes
  readonly #peers: FetchPeer[] = []
  readonly #queue: Decision[] = []
  #turn = 0
  #planned = false
  #progressMs: number
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(init: FetchPolicyInit) {
    this.runs = init.runs
    this.partsPerRun = init.parts ?? partsFor(init.runs)
    this.allParts = 2 ** this.partsPerRun - 1
    this.#progressMs = init.nowMs
    this.#picker = new Picker({ units: init.runs * this.partsPerRun, random: init.random })
    const { partsPerRun } = this
    this.#hedges = new Hedges(this.#wants, { partBytes: RUN_BYTES_MAX / partsPerRun })
    this.#rack = new Rack({ runs: init.runs, parts: partsPerRun, self: init.self ?? '' })
    this.#urgency = new Urgency({ units: init.runs * partsPerRun, usual: init.class ?? 'requested' })
    this.#chooser = new Chooser(
      {
        ...{ picker: this.#picker, wants: this.#wants, hedges: this.#hedges },
        ...{ rack: this.#rack, urgency: this.#urgency },
      },
      { partsPerRun, peers: this.#peers, isPlanned: () => this.#planned },
    )
    this.#outcomes = new WantOutcomes(
      {
        ...{ picker: this.#picker, wants: this.#wants, hedges: this.#hedges },
        ...{ chooser: this.#chooser, queue: this.#queue },
      },
      { partsPerRun },
    )
    this.#asks = new OriginAsks({
      isMissing: (run) => this.#picker.isAnyMissing(run * partsPerRun, partsPerRun),
      isLacking: (run) =>
        this.heldParts(run) !== this.allParts && !this.#picker.isUnplanned(run * partsPerRun),
      isEndgame: () => this.#planned && this.#picker.missingCount === 0,
      isStalled: (nowMs) => this.#isStalled(nowMs),
      isUnplanned: (run) => this.#picker.isUnplanned(run * partsPerRun),
      isAlone: () => this.#planned && this.#picker.missingCount > 0 && this.#picker.availableCount === 0,
      idleSinceMs: () => (this.#wants.size > 0 ? undefined : this.#progressMs),
    })
  }

  /** When something was planned or arrived last. */
  get progressMs(): number {
    return this.#progressMs
  }

  /** When `next` may have a decision although no fact came in; infinite when it cannot. */
  get wakeMs(): number {
    return this.#wakeMs
  }

  /** Bytes of answers that were not needed any more. */
  get duplicateBytes(): number {
    return this.#hedges.duplicateBytes
  }

  /** Bytes wanted and not stored. */
  get flightBytes(): number {
    return this.#wants.bytes
  }

  get complete(): boolean {
    return this.#picker.heldCount === this.#picker.units
  }

  /** Runs' worth of parts that are neither here nor under way. */
  get missingRuns(): number {
    return Math.ceil(this.#picker.missingCount / this.partsPerRun)
  }

  /** Parts of a run that are here. */
  heldParts(run: number): number {
    return this.#picker.heldAt(run * this.partsPerRun, this.partsPerRun)
  }

  joined(peer: PeerJoin, nowMs: number): FetchPeer {
    const { key, origin, related, nearness, credit } = peer
    const units = origin ? unitsOf(0) : unitsOfRuns(peer.have, this.partsPerRun)
    const flightBytesMax = Math.max(RUN_BYTES_MAX, Math.min(PEER_FLIGHT_BYTES_MAX, credit))
    const made = new FetchPeer({ key, origin, related, nearness, units, flightBytesMax })
    this.#chooser.measure(made)
    this.#peers.push(made)
    if (!origin) this.#picker.addPeer(made)
    this.#rack.joined(made, nowMs)
    return made
  }

  left(peer: FetchPeer, nowMs: number): void {
    const at = this.#peers.indexOf(peer)
    if (at < 0) return
    this.#peers.splice(at, 1)
    peer.present = false
    this.#picker.removePeer(peer)
    this.#rack.left(peer, nowMs)
    for (const want of this.#wants.of(peer)) if (!want.answered) this.#outcomes.end(want)
  }

  peerHas(peer: FetchPeer, run: number, news: { nowMs: number; parts?: number }): void {
    if (peer.origin || !peer.present || run >= this.runs) return
    const first = run * this.partsPerRun
    const parts = (news.parts ?? this.allParts) & this.allParts
    for (let fresh = parts & ~partsAt(peer.units, first, this.allParts); fresh !== 0; fresh &= fresh - 1) {
      const unit = first + 31 - Math.clz32(fresh & -fresh)
      if (this.#picker.peerHas(peer, unit)) this.#rack.has(peer, unit, news.nowMs)
    }
  }

  /** Peers of the own rack that fetch or hold the image; those that have joined are known. */
  mates(keys: readonly string[], nowMs: number): void {
    this.#rack.know(keys, nowMs)
  }

  /** Which of the peers of the own rack this one is, by the tracker's count. */
  placed(place: RackPlace, nowMs: number): void {
    this.#rack.placed(place, nowMs)
  }

  /** A run is wanted for something more urgent than the image as a whole, until it is here. */
  raise(run: number, to: 'guest' | 'boot'): void {
    for (let part = 0; part < this.partsPerRun; part++) this.#urgency.raise(run * this.partsPerRun + part, to)
  }

  /** A run lacks blocks in these parts; the others of it are here, or empty. */
  missing(run: number, nowMs: number, parts = this.allParts): void {
    this.#progressMs = nowMs
    for (let part = 0; part < this.partsPerRun; part++) {
      const unit = run * this.partsPerRun + part
      if ((parts & (1 << part)) !== 0) this.#picker.setMissing(unit)
      else this.#picker.setHeld(unit)
    }
  }

  /** A run is here. */
  held(run: number, nowMs: number): void {
    this.#progressMs = nowMs
    for (let part = 0; part < this.partsPerRun; part++) this.#picker.setHeld(run * this.partsPerRun + part)
  }

  /** These parts of a run have come in another way, whether it was planned or not. */
  found(run: number, parts: number, nowMs: number): void {
    this.#progressMs = nowMs
    for (let part = 0; part < this.partsPerRun; part++)
      if ((parts & (1 << part)) !== 0) this.#picker.setHeld(run * this.partsPerRun + part)
  }

  /** Nothing was to be decided for a while: that nothing came meanwhile means nothing. */
  resumed(nowMs: number): void {
    this.#progressMs = nowMs
  }

  /** Every run was `missing` or `held`: from now on what is missing is known. */
  planned(nowMs: number): void {
    this.#planned = true
    this.#progressMs = nowMs
  }

  /** A run that was held is not any more. */
  lost(run: number): void {
    for (let part = 0; part < this.partsPerRun; part++) this.#picker.setLost(run * this.partsPerRun + part)
  }

  /** The exact uncompressed bytes of a want. */
  sized(want: Want, bytes: number): void {
    this.#wants.resize(want, bytes)
  }

  /** The answer to a want is here. False: all of it came from elsewhere; drop it, and do not call `stored` or `failed`. */
  answered(want: Want, nowMs: number): boolean {
    if (!this.#wants.has(want) || want.answered) return false
    this.#progressMs = nowMs
    return this.#outcomes.answered(want, nowMs)
  }

  /** What was answered is verified and stored. */
  stored(want: Want): void {
    if (this.#wants.has(want)) this.#outcomes.stored(want)
  }

  /**
   * A want, answered or not, to a peer that only may have its parts did not bring all of them: it is not asked for these again. One that
   * has nothing at all, time after time, is asked ever more seldom: while it looks, nobody else is asked for the same.
   */
  lacked(want: Want, nowMs: number): void {
    if (this.#wants.has(want)) this.#outcomes.lacked(want, nowMs)
  }

  /** A want, answered or not, did not bring its parts. `retryMs`: what a busy peer asks for. */
  failed(want: Want, reason: WantFailure, now: { nowMs: number; retryMs?: number }): void {
    if (this.#wants.has(want)) this.#outcomes.failed(want, reason, now)
  }

  /** The origin's answer to an ask; when it is empty it is asked again after `retryMs`. */
  assigned(peer: FetchPeer, runs: readonly number[], now: { nowMs: number; retryMs: number }): void {
    peer.asking = false
    for (const run of runs) if (run < this.runs) peer.assigned.push(run)
    if (runs.length === 0) peer.askAfterMs = now.nowMs + now.retryMs
  }

  askFailed(peer: FetchPeer, reason: WantFailure, now: { nowMs: number; retryMs?: number }): void {
    peer.asking = false
    if (reason === 'busy') peer.askAfterMs = now.nowMs + (now.retryMs ?? 0)
    else if (reason !== 'lost') this.#outcomes.blame(peer, reason, now.nowMs)
  }

  /** The next thing to do; undefined when there is nothing before the next fact or `wakeMs`. */
  next(nowMs: number): Decision | undefined {
    const queued = this.#queue.shift()
    if (queued !== undefined) return queued
    this.#wakeMs = Number.POSITIVE_INFINITY
    this.#rack.refresh(nowMs)
    const { hasRoom } = this.#chooser
    const mayHedge = hasRoom && this.#chooser.mayHedge(nowMs)
    const { length } = this.#peers
    for (let looked = 0; looked < length; looked++) {
      this.#turn = (this.#turn + 1) % length
      const peer = this.#peers[this.#turn]
      if (peer === undefined) continue
      const mayGive = hasRoom && (mayHedge || peer.interest > 0) && this.#chooser.hasRoomAt(peer)
      if (!mayGive && !peer.origin && !peer.paused) continue
      const decision = this.#forPeer(peer, nowMs)
      if (decision !== undefined) return decision
    }
    this.#wakeMs = Math.min(this.#wakeMs, this.#chooser.wakeMs(nowMs))
    return undefined
  }

  #forPeer(peer: FetchPeer, nowMs: number): Decision | undefined {
    if (peer.pausedUntilMs > nowMs) {
      this.#wakeMs = Math.min(this.#wakeMs, peer.pausedUntilMs)
      return undefined
    }
    peer.paused = false
    const ask = peer.origin ? this.#askOf(peer, nowMs) : undefined
    if (ask !== undefined) return ask
    const want = this.#chooser.want(peer, nowMs)
    if (want === undefined) return undefined
    this.#outcomes.begin(want)
    return { type: 'want', want }
  }

  #askOf(peer: FetchPeer, nowMs: number): Decision | undefined {
    if (this.complete) return undefined
    if (!peer.asking && peer.askAfterMs > nowMs) this.#wakeMs = Math.min(this.#wakeMs, peer.askAfterMs)
    const ask = this.#asks.ask(peer, nowMs)
    if (ask === undefined) return undefined
    peer.asking = true
    return { type: 'ask', peer, ...ask }
  }

  #isStalled(nowMs: number): boolean {
    const afterMs = Math.max(STARVING_AFTER_MS, this.#wants.meanMs * ENDGAME_AFTER_WANTS)
    return this.#planned && !this.complete && nowMs - this.#progressMs > afterMs
  }
}
