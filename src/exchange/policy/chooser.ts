import { RUN_BYTES_MAX, SESSION_FLIGHT_BYTES_MAX, SLOW_WANT_MS, WANT_MS } from '../../core/limits.ts'
import type { FetchPeer } from './fetch-peer.ts'
import type { Hedges } from './hedges.ts'
import type { Picker } from './picker.ts'
import type { Rack } from './rack.ts'
import { hasUnit } from './units.ts'
import type { Urgency } from './urgency.ts'
import type { Want } from './want.ts'
import type { WantList } from './want-list.ts'

/** The next want at one peer: how much there is room for, which run, how many parts of it, or whose straggler. */
export class Chooser {
  readonly #picker: Picker
  readonly #wants: WantList
  readonly #hedges: Hedges
  readonly #rack: Rack
  readonly #urgency: Urgency
  readonly #partsPerRun: number
  readonly #partBytes: number
  readonly #isPlanned: () => boolean
  readonly #peers: readonly FetchPeer[]
  #hedgeMs = Number.POSITIVE_INFINITY

  constructor(
    components: { picker: Picker; wants: WantList; hedges: Hedges; rack: Rack; urgency: Urgency },
    init: { partsPerRun: number; peers: readonly FetchPeer[]; isPlanned(): boolean },
  ) {
    this.#picker = components.picker
    this.#wants = components.wants
    this.#hedges = components.hedges
    this.#rack = components.rack
    this.#urgency = components.urgency
    this.#partsPerRun = init.partsPerRun
    this.#partBytes = RUN_BYTES_MAX / init.partsPerRun
    this.#peers = init.peers
    this.#isPlanned = init.isPlanned
  }

  /** Whether the session may have more under way, at whomever. */
  get hasRoom(): boolean {
    return SESSION_FLIGHT_BYTES_MAX - this.#wants.bytes >= this.#partBytes
  }

  /** Whether a peer that holds nothing missing may take over somebody's straggler. */
  mayHedge(nowMs: number): boolean {
    return nowMs >= this.#hedgeMs || this.#isEndgame()
  }

  /** Whether one more want fits into what may be under way at the peer. */
  hasRoomAt(peer: FetchPeer): boolean {
    return peer.depthBytes - peer.flightBytes >= this.#partBytes
  }

  /** The peer is new, or its pace is another: what it delivers in its round trip and some more, but two wants at least. */
  measure(peer: FetchPeer): void {
    const slow = peer.pace.isKnown && peer.pace.expectedMs(this.#partBytes) > SLOW_WANT_MS
    const least = slow ? this.#partBytes : 2 * this.#partBytes
    peer.depthBytes = Math.min(peer.flightBytesMax, Math.floor(Math.max(peer.pace.depthBytes, least)))
  }

  want(peer: FetchPeer, nowMs: number): Want | undefined {
    if (!this.hasRoom || !this.hasRoomAt(peer)) return undefined
    const unit = peer.origin ? this.#originUnit(peer) : this.#pick(peer)
    if (unit === undefined) return this.#hedge(peer, nowMs)
    const from = peer.origin ? peer : this.#nearest(peer, unit, nowMs)
    return this.#make(from, { ...this.#partsFrom(from, unit), copy: false }, nowMs)
  }

  /** When a straggler may have to be hedged although nothing happens. */
  wakeMs(nowMs: number): number {
    if (this.#wants.size === 0) return this.#rack.wakeMs
    this.#hedgeMs = this.#hedges.nextMs(this.#isEndgame(), nowMs)
    return Math.min(this.#rack.wakeMs, this.#hedgeMs > nowMs ? this.#hedgeMs : nowMs + WANT_MS)
  }

  /** What is urgent comes first; a guest does not wait for a steward. */
  #pick(peer: FetchPeer): number | undefined {
    if (peer.interest === 0) return undefined
    const allowed = this.#rack.allowed(peer)
    for (const among of this.#urgency.order) {
      const anyhow = among !== undefined && among === this.#urgency.guest
      const unit = this.#picker.pick(peer, anyhow ? undefined : allowed, among)
      if (unit !== undefined) return unit
    }
    return undefined
  }

  /** Of those that hold the unit and have room for a want now, one that is nearer than the peer: its rack, then its zone; else the peer. */
  #nearest(peer: FetchPeer, unit: number, nowMs: number): FetchPeer {
    let best = peer
    for (const other of this.#peers) {
      if (other.nearness <= best.nearness || other.origin || other.related) continue
      if (other.pausedUntilMs > nowMs || !hasUnit(other.units, unit) || !this.hasRoomAt(other)) continue
      best = other
    }
    return best
  }

  /** What a guest waits for and nobody else has is wanted from an origin without asking it. */
  #originUnit(peer: FetchPeer): number | undefined {
    const { guest } = this.#urgency
    const waitedFor = guest === undefined ? undefined : this.#picker.pickUnheld(guest)
    return waitedFor ?? this.#assignedUnit(peer)
  }

  #assignedUnit(peer: FetchPeer): number | undefined {
    for (const run of peer.assigned) {
      for (let part = 0; part < this.#partsPerRun; part++) {
        const unit = run * this.#partsPerRun + part
        if (this.#picker.isMissing(unit)) return unit
      }
    }
    return undefined
  }

  /** The unit and more parts of its run, as many as the peer sends in WANT_MS. */
  #partsFrom(peer: FetchPeer, unit: number): { run: number; parts: number } {
    const room = Math.min(peer.depthBytes - peer.flightBytes, SESSION_FLIGHT_BYTES_MAX - this.#wants.bytes)
    const bytes = Math.min(room, peer.pace.rate * WANT_MS)
    let more = Math.max(0, Math.floor(bytes / this.#partBytes) - 1)
    const run = Math.floor(unit / this.#partsPerRun)
    const first = unit - run * this.#partsPerRun
    let parts = 1 << first
    for (let i = 1; i < this.#partsPerRun && more > 0; i++) {
      const part = (first + i) % this.#partsPerRun
      const other = run * this.#partsPerRun + part
      if (!this.#picker.isMissing(other) || !(peer.origin || hasUnit(peer.units, other))) continue
      parts |= 1 << part
      more--
    }
    return { run, parts }
  }

  #hedge(peer: FetchPeer, nowMs: number): Want | undefined {
    if (!this.mayHedge(nowMs)) return undefined
    const endgame = this.#isEndgame()
    const late = this.#hedges.choose({ peer, nowMs, endgame, holds: (want) => this.#holds(peer, want) })
    if (late === undefined) return undefined
    return this.#make(peer, { run: late.run, parts: this.#lacking(late), copy: true }, nowMs)
  }

  #holds(peer: FetchPeer, want: Want): boolean {
    const lacking = this.#lacking(want)
    if (peer.origin) return lacking !== 0 && peer.assigned.includes(want.run)
    for (let part = 0; part < this.#partsPerRun; part++) {
      const wanted = (lacking & (1 << part)) !== 0
      if (wanted && !hasUnit(peer.units, want.run * this.#partsPerRun + part)) return false
    }
    return lacking !== 0
  }

  /** Its parts that have not come in another way meanwhile. */
  #lacking(want: Want): number {
    let parts = want.parts
    for (let part = 0; part < this.#partsPerRun; part++) {
      if (this.#picker.isHeld(want.run * this.#partsPerRun + part)) parts &= ~(1 << part)
    }
    return parts
  }

  #isEndgame(): boolean {
    return this.#isPlanned() && this.#picker.missingCount === 0
  }

  #make(peer: FetchPeer, what: { run: number; parts: number; copy: boolean }, nowMs: number): Want {
    let bytes = 0
    for (let parts = what.parts; parts !== 0; parts &= parts - 1) bytes += this.#partBytes
    const dueMs = nowMs + peer.pace.expectedMs(peer.flightBytes + bytes)
    const first = what.run * this.#partsPerRun + (31 - Math.clz32(what.parts & -what.parts))
    const times = { sentMs: nowMs, dueMs }
    return { peer, ...what, ...times, bytes, answered: false, class: this.#urgency.of(first) }
  }
}
