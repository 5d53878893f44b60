import {
  PEER_LACKS_PAUSE_MS,
  PEER_TIMEOUTS_MAX,
  RELATED_PAUSE_MAX_MS,
  RELATED_PAUSE_MS,
} from '../../core/limits.ts'
import type { Chooser } from './chooser.ts'
import type { FetchPeer } from './fetch-peer.ts'
import type { Hedges } from './hedges.ts'
import type { Picker } from './picker.ts'
import type { Decision, Want, WantFailure } from './want.ts'
import type { WantList } from './want-list.ts'

export interface WantOutcomeComponents {
  readonly picker: Picker
  readonly wants: WantList
  readonly hedges: Hedges
  readonly chooser: Chooser
  /** Where decisions that follow go. */
  readonly queue: Decision[]
}

/** What becomes of wants, from their beginning until they are stored or have failed, and what that says of their peers. State only. */
export class WantOutcomes {
  readonly #components: WantOutcomeComponents
  readonly #partsPerRun: number

  constructor(components: WantOutcomeComponents, init: { partsPerRun: number }) {
    this.#components = components
    this.#partsPerRun = init.partsPerRun
  }

  begin(want: Want): void {
    const { wants, hedges, picker } = this.#components
    wants.add(want)
    hedges.began(want)
    this.#eachUnit(want, (unit) => picker.started(unit))
  }

  end(want: Want): void {
    const { wants, hedges, picker } = this.#components
    wants.delete(want)
    hedges.ended(want)
    this.#eachUnit(want, (unit) => picker.failed(unit))
  }

  /** A want that was not answered before is now. False: all of it came from elsewhere. */
  answered(want: Want, nowMs: number): boolean {
    const { wants, hedges, chooser, queue, picker } = this.#components
    const had = picker.heldAt(want.run * this.#partsPerRun, this.#partsPerRun) | wants.storing(want.run)
    const useful = (want.parts & ~had) !== 0
    want.peer.misses = 0
    want.peer.pace.arrived(want.bytes, want.sentMs, nowMs)
    chooser.measure(want.peer)
    hedges.arrived(want, useful)
    wants.answered(want, nowMs)
    const here = had | want.parts
    for (const rival of wants.rivals(want)) {
      if ((rival.parts & ~here) === 0) queue.push({ type: 'cancel', want: rival })
    }
    if (!useful) this.end(want)
    return useful
  }

  stored(want: Want): void {
    this.#eachUnit(want, (unit) => this.#components.picker.setHeld(unit))
    this.end(want)
  }

  /** Its peer, which only may have had its parts, has not all of them. One miss says little: the rest begins with the second in a row. */
  lacked(want: Want, nowMs: number): void {
    const { peer, answered } = want
    this.#eachUnit(want, (unit) => this.#components.picker.peerLacks(peer, unit))
    this.end(want)
    if (answered) return
    if (++peer.misses === 1) return
    const pauseMs = Math.min(RELATED_PAUSE_MAX_MS, RELATED_PAUSE_MS * 2 ** (peer.misses - 2))
    pause(peer, Math.max(peer.pausedUntilMs, nowMs + pauseMs))
  }

  failed(want: Want, reason: WantFailure, now: { nowMs: number; retryMs?: number }): void {
    this.end(want)
    const { peer } = want
    if (reason === 'busy') pause(peer, now.nowMs + (now.retryMs ?? 0))
    else if (reason !== 'lost') this.blame(peer, reason, now.nowMs)
  }

  /** A peer that does not give what it promised, twice in a row, is released: start over with it. */
  blame(peer: FetchPeer, reason: 'lacks' | 'timeout', nowMs: number): void {
    if (++peer.misses >= PEER_TIMEOUTS_MAX) this.#components.queue.push({ type: 'release', peer, reason })
    else if (reason === 'lacks') pause(peer, nowMs + PEER_LACKS_PAUSE_MS)
  }

  #eachUnit(want: Want, visit: (unit: number) => void): void {
    for (let part = 0; part < this.#partsPerRun; part++) {
      if ((want.parts & (1 << part)) !== 0) visit(want.run * this.#partsPerRun + part)
    }
  }
}

function pause(peer: FetchPeer, untilMs: number): void {
  peer.paused = true
  peer.pausedUntilMs = untilMs
}
