import {
  ORIGIN_ASSIGNED_RUNS,
  ORIGIN_KEPT_RUNS_MAX,
  RUN_BYTES_MAX,
  STARVING_AFTER_MS,
  STARVING_FOR_MS,
} from '../../core/limits.ts'
import type { FetchPeer } from './fetch-peer.ts'

export interface OriginState {
  /** Whether a run has a missing part. */
  isMissing(run: number): boolean
  /** Whether a run has a part that is not here, missing or under way. */
  isLacking(run: number): boolean
  /** Whether everything is here or under way. */
  isEndgame(): boolean
  isUnplanned(run: number): boolean
  /** Everything is planned, something is missing, and no neighbour tells that it holds any of that. */
  isAlone(): boolean
  /** Since when nothing has been under way; undefined while something is. */
  idleSinceMs(): number | undefined
  /** Everything is planned, something is lacking, and nothing has arrived for longer than wants usually take. */
  isStalled(nowMs: number): boolean
}

/** When to ask an origin for runs, for how many, and which of those that it assigned comes next. */
export class OriginAsks {
  readonly #state: OriginState
  #starvedMs = Number.NEGATIVE_INFINITY

  constructor(state: OriginState) {
    this.#state = state
  }

  /**
   * What to ask now; undefined when enough is assigned or an ask is under way. The origin assigns a run once, so one whose segment is
   * not planned yet is kept, and so is one that is under way elsewhere: it may fail there.
   */
  ask(peer: FetchPeer, nowMs: number): { count: number; starving: boolean } | undefined {
    if (peer.asking || peer.askAfterMs > nowMs) return undefined
    const stalled = this.#state.isStalled(nowMs)
    const endgame = this.#state.isEndgame()
    if (endgame && !stalled) return undefined
    peer.assigned = peer.assigned.filter((run) => this.#state.isLacking(run) || this.#state.isUnplanned(run))
    const ready = peer.assigned.filter((run) => endgame || this.#state.isMissing(run)).length
    const ahead = runsAhead(peer)
    const count = Math.min(ahead - ready, ORIGIN_KEPT_RUNS_MAX - peer.assigned.length)
    if (ready > ahead / 2 || count <= 0) return undefined
    return { count, starving: stalled || this.#isStarving(nowMs) }
  }

  /**
   * Whether nobody but the origin can give anything, and nothing has been under way for a while or was not a moment ago, so that one
   * wait is enough for many asks.
   */
  #isStarving(nowMs: number): boolean {
    if (!this.#state.isAlone()) return false
    const sinceMs = this.#state.idleSinceMs() ?? nowMs
    if (nowMs - sinceMs > STARVING_AFTER_MS) this.#starvedMs = nowMs
    return nowMs - this.#starvedMs <= STARVING_FOR_MS
  }
}

/** Runs to have assigned: what the origin delivers while the next ask is answered, so that a slow peer keeps none from others. */
function runsAhead(peer: FetchPeer): number {
  return Math.min(ORIGIN_ASSIGNED_RUNS, Math.ceil(peer.pace.depthBytes / RUN_BYTES_MAX) + 1)
}
