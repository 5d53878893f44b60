import type { Bitmap } from '../core/bitmap.ts'
import type { Random } from './picker.ts'

/** A run whose taker has not told that it holds it after so long may be given to another. */
const REASSIGN_AFTER_MS = 10_000

export interface AssignRequest {
  readonly peer: string
  /** Runs the asker holds. */
  readonly have: Bitmap
  readonly count: number
  /** Nobody else can give the asker anything. */
  readonly starving: boolean
  readonly nowMs: number
}

/**
 * Superseeding: the origin decides which run it sends to whom. It hands out each run once, and a second
 * time only when its taker was lost or when an asker has nobody else to ask.
 */
export class Superseed {
  readonly #runs: number
  readonly #random: Random
  readonly #assigned: Uint16Array
  readonly #holders: Uint16Array
  readonly #assignedMs: Float64Array
  /** Runs never assigned, in random order from the end. */
  readonly #fresh: number[]

  constructor(init: { runs: number; random: Random }) {
    this.#runs = init.runs
    this.#random = init.random
    this.#assigned = new Uint16Array(init.runs)
    this.#holders = new Uint16Array(init.runs)
    this.#assignedMs = new Float64Array(init.runs)
    this.#fresh = shuffled(init.runs, init.random)
  }

  /** Copies of a run that left this origin by assignment. */
  assignedOf(run: number): number {
    return this.#assigned[run] ?? 0
  }

  /** A peer has told that it holds the run. */
  held(run: number): void {
    this.#holders[run] = (this.#holders[run] ?? 0) + 1
  }

  /** A peer that held the run is gone. */
  lost(run: number): void {
    const holders = this.#holders[run] ?? 0
    if (holders > 0) this.#holders[run] = holders - 1
  }

  /** Runs for the asker to want now, `count` at most; empty when it had better wait for other peers. */
  assign(request: AssignRequest): number[] {
    const given = this.#takeFresh(request)
    if (given.length < request.count) this.#takeOrphans(request, given)
    if (given.length === 0 && request.starving) this.#takeRarest(request, given)
    for (const run of given) {
      this.#assigned[run] = (this.#assigned[run] ?? 0) + 1
      this.#assignedMs[run] = request.nowMs
    }
    return given
  }

  #takeFresh(request: AssignRequest): number[] {
    const given: number[] = []
    for (let i = this.#fresh.length - 1; i >= 0 && given.length < request.count; i--) {
      const run = this.#fresh[i] ?? 0
      const settled = (this.#assigned[run] ?? 0) > 0 || (this.#holders[run] ?? 0) > 0
      if (!settled && request.have.has(run)) continue
      if (!settled) given.push(run)
      this.#fresh[i] = this.#fresh[this.#fresh.length - 1] ?? 0
      this.#fresh.pop()
    }
    return given
  }

  /** Runs that nobody holds although they were given away some time ago. */
  #takeOrphans(request: AssignRequest, given: number[]): void {
    if (this.#fresh.length > 0) return
    const before = request.nowMs - REASSIGN_AFTER_MS
    this.#scan(request, given, (run) => this.#holders[run] === 0 && (this.#assignedMs[run] ?? 0) < before)
  }

  #takeRarest(request: AssignRequest, given: number[]): void {
    let fewest = Number.POSITIVE_INFINITY
    for (let run = 0; run < this.#runs; run++) {
      if (!request.have.has(run)) fewest = Math.min(fewest, this.assignedOf(run))
    }
    this.#scan(request, given, (run) => this.assignedOf(run) === fewest)
  }

  #scan(request: AssignRequest, given: number[], fits: (run: number) => boolean): void {
    const start = Math.floor(this.#random() * this.#runs)
    for (let i = 0; i < this.#runs && given.length < request.count; i++) {
      const run = (start + i) % this.#runs
      if (!request.have.has(run) && fits(run) && !given.includes(run)) given.push(run)
    }
  }
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swap = order[i] as number
    order[i] = order[j] as number
    order[j] = swap
  }
  return order
}
