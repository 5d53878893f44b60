import { Bitmap } from '../core/bitmap.ts'
import type { Clock } from '../core/clock.ts'
import { ORIGIN_UNTOLD_RUNS_MAX } from '../core/limits.ts'
import { Allowance } from './allowance.ts'
import type { Superseed } from './superseed.ts'
import type { Swarm } from './swarm.ts'

/** Time a peer waits before it asks an origin again that had no run for it. */
export const ASK_RETRY_MS = 200
/** An ask so soon after an empty answer gets another one without a look: half the time that it was told, as packets bunch. */
const ASK_EMPTY_MS = ASK_RETRY_MS / 2
/** Asks of one peer: 256 a second are 2 GiB/s of runs. */
const ASKS = { max: 256, perSecond: 256 }

/** What an origin knows of one peer that asks it for runs of one swarm, and what it has given it. */
export class Asker {
  readonly #clock: Clock
  readonly #swarm: Swarm
  readonly #superseed: Superseed
  readonly #asks: Allowance
  readonly #told: Bitmap
  /** Runs assigned that the peer has not told it holds. */
  readonly #untold = new Set<number>()
  #emptyMs = Number.NEGATIVE_INFINITY

  constructor(components: { clock: Clock }, init: { swarm: Swarm; superseed: Superseed }) {
    this.#clock = components.clock
    this.#swarm = init.swarm
    this.#superseed = init.superseed
    this.#asks = new Allowance(components, ASKS)
    this.#told = new Bitmap(init.swarm.map.runs)
  }

  /** The peer tells that it holds runs. */
  told(runs: readonly number[]): void {
    for (const run of runs) {
      if (run >= this.#told.size || !this.#told.set(run)) continue
      this.#untold.delete(run)
      this.#superseed.held(run)
    }
  }

  /** Runs for the peer to want, `count` at most; empty when it had better wait. */
  ask(ask: { count: number; starving: boolean }): number[] {
    const nowMs = this.#clock.monotonic()
    if (!this.#asks.take() || nowMs - this.#emptyMs < ASK_EMPTY_MS) return []
    const count = Math.min(ask.count, ORIGIN_UNTOLD_RUNS_MAX - this.#untold.size)
    const runs = count > 0 ? this.#assign({ count, starving: ask.starving, nowMs }) : []
    if (runs.length === 0) this.#emptyMs = nowMs
    for (const run of runs) this.#untold.add(run)
    return runs
  }

  #assign(ask: { count: number; starving: boolean; nowMs: number }): number[] {
    const runs = this.#superseed.assign({ ...ask, have: this.#told })
    return runs.filter((run) => this.#swarm.have.has(run))
  }

  /** The peer has left: nothing that it held counts any more. */
  leave(): void {
    for (const run of this.#told) this.#superseed.lost(run)
  }
}
