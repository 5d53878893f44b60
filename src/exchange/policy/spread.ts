import {
  ORIGIN_REASSIGN_MS_MAX,
  SPREAD_IDLE_TIMES,
  SPREAD_MEMORY,
  SPREAD_MS_MIN,
  SPREAD_OTHERS_MS,
  SPREAD_REST_MS,
  SPREAD_SAMPLES_MIN,
  SPREAD_STRIKES_MAX,
  SPREAD_WATCHED_MAX,
} from '../../core/limits.ts'
import { UsualTime } from './usual-time.ts'

interface Watched {
  /** Runs that it was given, the oldest first; those before `head` have spread. */
  readonly runs: number[]
  readonly givenMs: number[]
  head: number
  askedMs: number
  stuck: boolean
  /** Runs of it that had to be given to others since one last reached a second peer by itself. */
  strikes: number
  /** It gets nothing before, unless nobody else asks. */
  restsUntilMs: number
}

/**
 * How fast runs that an origin gave to one peer are told by it and reach a second one, and whose do not: a peer that does not receive, or receives
 * and hardly sends, must not be the only one with a part of the image. State only.
 */
export class Spread {
  readonly #holders: Uint16Array
  readonly #askers = new Map<unknown, Watched>()
  /** Who was given a run that is watched. */
  readonly #takers = new Map<number, Watched>()
  readonly #told = new UsualTime({ memory: SPREAD_MEMORY })
  readonly #spread = new UsualTime({ memory: SPREAD_MEMORY })

  /** `holders`: how many peers hold each run, kept by the caller. */
  constructor(init: { holders: Uint16Array }) {
    this.#holders = init.holders
  }

  /** How long a run may be at one peer alone before that is unusual; infinite before it is known what is usual. */
  get limitMs(): number {
    if (this.#spread.samples < SPREAD_SAMPLES_MIN) return Number.POSITIVE_INFINITY
    return Math.max(SPREAD_MS_MIN, this.#spread.limitMs)
  }

  /**
   * How long nobody may have told that it holds a run that was given away before that is unusual. A run that had spread before its holders left is
   * most likely still at peers that have all of the image and need the origin no more.
   */
  untoldLimitMs(run: number): number {
    if (this.#told.samples < SPREAD_SAMPLES_MIN || !this.#takers.has(run)) return ORIGIN_REASSIGN_MS_MAX
    return Math.min(ORIGIN_REASSIGN_MS_MAX, Math.max(SPREAD_MS_MIN, this.#told.limitMs))
  }

  /** From when on a run that `holders` peers hold, one or none, is given to another by an origin that has nothing else to send: then a copy too many costs nothing, and waiting time. */
  idleLimitMs(run: number, holders: number): number {
    const [limitMs, usual] =
      holders === 0 ? [this.untoldLimitMs(run), this.#told] : [this.limitMs, this.#spread]
    if (usual.samples < SPREAD_SAMPLES_MIN) return limitMs
    return Math.min(limitMs, Math.max(SPREAD_MS_MIN, SPREAD_IDLE_TIMES * usual.meanMs))
  }

  given(asker: unknown, run: number, nowMs: number): void {
    const watched = this.#of(asker)
    if (watched.runs.length - watched.head >= SPREAD_WATCHED_MAX) return
    watched.runs.push(run)
    watched.givenMs.push(nowMs)
    this.#takers.set(run, watched)
  }

  /** A run has to be given to another than who was given it: each time in a row doubles the time until the taker gets the next. */
  taken(run: number, nowMs: number): void {
    const taker = this.#takers.get(run)
    this.#takers.delete(run)
    if (taker === undefined) return
    const restMs = SPREAD_REST_MS * 2 ** Math.min(taker.strikes++, SPREAD_STRIKES_MAX)
    taker.restsUntilMs = Math.max(taker.restsUntilMs, nowMs + restMs)
  }

  /** The first peer tells that it holds a run that was given away `afterMs` ago. */
  told(afterMs: number): void {
    this.#told.add(afterMs)
  }

  /** A second peer holds a run that was given away `afterMs` ago. */
  spread(run: number, afterMs: number): void {
    this.#spread.add(afterMs)
    const taker = this.#takers.get(run)
    this.#takers.delete(run)
    if (taker === undefined) return
    taker.strikes = 0
    taker.restsUntilMs = Number.NEGATIVE_INFINITY
  }

  leave(asker: unknown): void {
    const watched = this.#askers.get(asker)
    for (const run of watched?.runs ?? []) if (this.#takers.get(run) === watched) this.#takers.delete(run)
    this.#askers.delete(asker)
  }

  /** Whether the asker gets one run at a time, when that before has reached others. */
  isSuspect(asker: unknown, nowMs: number): boolean {
    return this.#of(asker).strikes > 0 && this.#othersAsk(asker, nowMs)
  }

  /** Whether the asker should get no new run now: its old ones stay with it, and there is somebody else to give to. */
  isStuck(asker: unknown, nowMs: number): boolean {
    const watched = this.#of(asker)
    watched.askedMs = nowMs
    this.#forgetSpread(watched)
    const givenMs = watched.givenMs[watched.head]
    const late = givenMs !== undefined && (watched.strikes > 0 || nowMs - givenMs > this.limitMs)
    watched.stuck = late || nowMs < watched.restsUntilMs
    return watched.stuck && this.#othersAsk(asker, nowMs)
  }

  /** Whether somebody else is there to be given what this one is not. */
  #othersAsk(asker: unknown, nowMs: number): boolean {
    const watched = this.#of(asker)
    for (const other of this.#askers.values()) {
      if (other !== watched && !other.stuck && nowMs - other.askedMs <= SPREAD_OTHERS_MS) return true
    }
    return false
  }

  #forgetSpread(watched: Watched): void {
    while (watched.head < watched.runs.length && (this.#holders[watched.runs[watched.head] ?? 0] ?? 0) >= 2) {
      watched.head++
    }
    if (watched.head < SPREAD_WATCHED_MAX) return
    watched.runs.splice(0, watched.head)
    watched.givenMs.splice(0, watched.head)
    watched.head = 0
  }

  #of(asker: unknown): Watched {
    const known = this.#askers.get(asker)
    if (known !== undefined) return known
    const never = Number.NEGATIVE_INFINITY
    const made = {
      runs: [],
      givenMs: [],
      head: 0,
      askedMs: never,
      stuck: false,
      strikes: 0,
      restsUntilMs: never,
    }
    this.#askers.set(asker, made)
    return made
  }
}
