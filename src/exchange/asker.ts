import { Bitmap } from '../core/bitmap.ts'
import type { Clock } from '../core/clock.ts'
import {
  ORIGIN_ASK_RETRY_MS,
  ORIGIN_FIRST_RUNS,
  ORIGIN_PEER_ASKS_PER_SECOND,
  ORIGIN_RUNS_PER_HELD,
  ORIGIN_UNTOLD_RUNS_MAX,
} from '../core/limits.ts'
import { Allowance } from './allowance.ts'
import type { OriginFallback } from './policy/origin-fallback.ts'
import type { OriginTurns } from './policy/origin-turns.ts'
import type { Superseed } from './superseed.ts'
import type { Swarm } from './swarm.ts'

const ASKS = { max: ORIGIN_PEER_ASKS_PER_SECOND, perSecond: ORIGIN_PEER_ASKS_PER_SECOND }

export interface AskerComponents {
  readonly clock: Clock
  /** Of all peers of this origin. */
  readonly turns: OriginTurns
  readonly fallback: OriginFallback
}

/** An answer to an ask. Without runs: the peer had better ask others, and here again after `retryMs`. */
export interface Assigned {
  readonly runs: number[]
  readonly retryMs: number
}

/** What an origin knows of one peer that asks it for runs of one swarm, and what it has given it. */
export class Asker {
  readonly #components: AskerComponents
  readonly #swarm: Swarm
  readonly #superseed: Superseed
  readonly #firstRuns: number
  readonly #asks: Allowance
  readonly #told: Bitmap
  /** Runs assigned that the peer has not told it holds. */
  readonly #untold = new Set<number>()
  /** Those of them of which nothing was sent yet. */
  readonly #out = new Set<number>()
  /** Those of them that were given although others hold them. */
  readonly #fallen = new Set<number>()
  #holds = 0
  /** An ask before this gets an empty answer without a look: half the time that the peer was told, as packets bunch. */
  #notBeforeMs = Number.NEGATIVE_INFINITY

  constructor(components: AskerComponents, init: { swarm: Swarm; superseed: Superseed; firstRuns?: number }) {
    this.#components = components
    this.#swarm = init.swarm
    this.#superseed = init.superseed
    this.#firstRuns = init.firstRuns ?? ORIGIN_FIRST_RUNS
    this.#asks = new Allowance(components, ASKS)
    this.#told = new Bitmap(init.swarm.map.runs)
  }

  /** The peer tells that it holds runs. */
  told(runs: readonly number[]): void {
    for (const run of runs) {
      if (run >= this.#told.size || !this.#told.set(run)) continue
      this.#holds++
      if (this.#untold.delete(run)) this.#components.turns.told(this, this.#components.clock.monotonic())
      this.#out.delete(run)
      this.#fallen.delete(run)
      this.#superseed.held(run, this.#components.clock.monotonic())
    }
  }

  /** Whether the run was assigned to the peer, and it has not told that it holds it. */
  expects(run: number): boolean {
    return this.#untold.has(run)
  }

  /** So many bytes of a run were sent to the peer. */
  served(run: number, bytes: number): void {
    if (this.#fallen.has(run)) this.#components.fallback.sent(bytes)
    this.#out.delete(run)
    this.#components.turns.taken(this, this.#components.clock.monotonic())
  }

  /** Runs for the peer to want, `count` at most. */
  ask(ask: { count: number; starving: boolean }): Assigned {
    const nowMs = this.#components.clock.monotonic()
    if (!this.#asks.take() || nowMs < this.#notBeforeMs) return { runs: [], retryMs: ORIGIN_ASK_RETRY_MS }
    const wanted = Math.min(ask.count, this.#mostUntold - this.#untold.size)
    if (wanted <= 0) return this.#later(ORIGIN_ASK_RETRY_MS, nowMs)
    const { turns } = this.#components
    const newcomer = this.#holds === 0 && this.#untold.size === 0
    const { starving } = ask
    const count = turns.grant({ asker: this, count: wanted, newcomer, starving }, nowMs)
    if (count === 0) return this.#later(turns.retryMs, nowMs)
    const runs = this.#assign({ count, starving }, nowMs)
    if (runs.length === 0) return this.#later(ORIGIN_ASK_RETRY_MS, nowMs)
    turns.assigned(this, runs.length, nowMs)
    for (const run of runs) {
      this.#untold.add(run)
      this.#out.add(run)
    }
    return { runs, retryMs: ORIGIN_ASK_RETRY_MS }
  }

  /** Who comes first is alone, and would be given what has to be shared a moment later: so few at first, and more with each run that it holds. */
  get #mostUntold(): number {
    return Math.min(ORIGIN_UNTOLD_RUNS_MAX, this.#firstRuns + ORIGIN_RUNS_PER_HELD * this.#holds)
  }

  #later(retryMs: number, nowMs: number): Assigned {
    this.#notBeforeMs = nowMs + retryMs / 2
    return { runs: [], retryMs }
  }

  /** What others were given before, to a peer that starves, is a fallback. */
  #assign({ count, starving }: { count: number; starving: boolean }, nowMs: number): number[] {
    const { fallback, turns } = this.#components
    const request = { have: this.#told, count, nowMs, asker: this, idle: turns.isIdle(nowMs) }
    const first = this.#superseed.assign({ ...request, starving: false })
    const falls = first.length === 0 && starving && fallback.allows(nowMs)
    const given = falls ? this.#superseed.assign({ ...request, starving }) : first
    if (falls) fallback.gave(given.length, nowMs)
    const runs = given.filter((run) => this.#swarm.have.has(run) && !this.#out.has(run))
    if (falls) for (const run of runs) this.#fallen.add(run)
    return runs
  }

  /** The peer has left: nothing that it held counts any more. */
  leave(): void {
    this.#components.turns.leave(this)
    for (const run of this.#told) this.#superseed.lost(run)
    this.#superseed.left(this, this.#untold)
  }
}
