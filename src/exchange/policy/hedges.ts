import {
  ENDGAME_AFTER_MS,
  ENDGAME_AFTER_WANTS,
  HAND_OVER_TIMES,
  HAND_OVER_UNKNOWN_MS,
  HEDGE_BYTES_SHARE,
  HEDGE_SLACK_MS,
} from '../../core/limits.ts'
import type { FetchPeer } from './fetch-peer.ts'
import type { Want } from './want.ts'
import type { WantList } from './want-list.ts'

/**
 * Stragglers: a want that is later than its peer's measured rate explains is given to a second peer that would have delivered it by
 * now. Copies cost at most a share of what is fetched; one that hardly moves at all is copied in any case.
 */
export class Hedges {
  readonly #wants: WantList
  readonly #partBytes: number
  /** Bytes of copies under way, and of answers that came twice. */
  #copyBytes = 0
  #duplicateBytes = 0
  #fetchedBytes = 0

  /** `partBytes`: what one part of a run has at most; one copy may always be under way. */
  constructor(wants: WantList, init: { partBytes: number }) {
    this.#wants = wants
    this.#partBytes = init.partBytes
  }

  /** Bytes of answers that were not needed any more. */
  get duplicateBytes(): number {
    return this.#duplicateBytes
  }

  began(want: Want): void {
    if (want.copy) this.#copyBytes += want.bytes
  }

  ended(want: Want): void {
    if (want.copy) this.#copyBytes = Math.max(0, this.#copyBytes - want.bytes)
  }

  arrived(want: Want, useful: boolean): void {
    if (useful) this.#fetchedBytes += want.bytes
    else this.#duplicateBytes += want.bytes
  }

  /** When the first want that is under way may be given to another peer; infinite without any. */
  nextMs(endgame: boolean, nowMs: number): number {
    const stalledMs = this.#stalledMs()
    if (!endgame) {
      const { oldest } = this.#wants
      return oldest === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(this.#wants.firstLateMs, oldest.sentMs + stalledMs)
    }
    let firstMs = Number.POSITIVE_INFINITY
    for (const want of this.#wants.all) {
      if (want.answered || want.copy) continue
      firstMs = Math.min(firstMs, lateMs(want, { endgame, stalledMs }), Math.max(nowMs, slowMs(want)))
    }
    return firstMs
  }

  /** The want that a peer with room had better take over, by `holds`: whether the peer may send all of it. */
  choose(use: {
    peer: FetchPeer
    nowMs: number
    endgame: boolean
    holds(want: Want): boolean
  }): Want | undefined {
    const { peer, nowMs, endgame, holds } = use
    let latest: Want | undefined
    const stalledMs = this.#stalledMs()
    for (const want of this.#wants.all) {
      if (want.answered || want.copy || want.peer === peer) continue
      const slow = endgame && nowMs >= slowMs(want)
      if (!slow && nowMs < lateMs(want, { endgame, stalledMs })) continue
      if (latest !== undefined && latest.sentMs <= want.sentMs) continue
      if (!this.#worthIt(want, peer, nowMs) && !(slow && this.#handsOver(want, peer, nowMs))) continue
      if (holds(want) && this.#wants.isAlone(want)) latest = want
    }
    return latest
  }

  #worthIt(want: Want, peer: FetchPeer, nowMs: number): boolean {
    const waitedMs = nowMs - want.sentMs
    if (waitedMs >= this.#stalledMs()) return true
    const hereMs = peer.pace.expectedMs(peer.flightBytes + want.bytes)
    return hereMs < waitedMs && this.#affords(want.bytes)
  }

  /** What is left at the first peer is much more than the second needs for all of it. */
  #handsOver(want: Want, peer: FetchPeer, nowMs: number): boolean {
    const hereMs = peer.pace.expectedMs(peer.flightBytes + want.bytes)
    return want.dueMs - nowMs > HAND_OVER_TIMES * hereMs + HEDGE_SLACK_MS && this.#affords(want.bytes)
  }

  #affords(bytes: number): boolean {
    const spent = this.#copyBytes + this.#duplicateBytes + bytes
    return spent <= this.#fetchedBytes * HEDGE_BYTES_SHARE + this.#partBytes
  }

  /** A want so old hardly moves, however slow all of them are. */
  #stalledMs(): number {
    return Math.max(ENDGAME_AFTER_MS, this.#wants.meanMs * ENDGAME_AFTER_WANTS)
  }
}

/** From when on a want may be copied. */
function lateMs(want: Want, now: { endgame: boolean; stalledMs: number }): number {
  return Math.min(want.sentMs + now.stalledMs, overdueMs(want, now.endgame))
}

/** From when on it is later than its peer's measured rate explains; infinite while that is not known. */
function overdueMs(want: Want, endgame: boolean): number {
  if (want.dueMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  const expectedMs = want.dueMs - want.sentMs
  return want.dueMs + Math.max(HEDGE_SLACK_MS, endgame ? expectedMs / 2 : expectedMs)
}

/** The same outside of the endgame, for a list of wants; a copy is not copied. */
export function usualLateMs(want: Want): number {
  return want.copy ? Number.POSITIVE_INFINITY : overdueMs(want, false)
}

/** From when on a want may be at a peer that is slow, rather than late. */
function slowMs(want: Want): number {
  if (want.dueMs === Number.POSITIVE_INFINITY) return want.sentMs + HAND_OVER_UNKNOWN_MS
  return want.dueMs - want.sentMs > HAND_OVER_UNKNOWN_MS ? want.sentMs : Number.POSITIVE_INFINITY
}
