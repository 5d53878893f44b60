import type { Bitmap } from '../core/bitmap.ts'
import { ORIGIN_RAREST_BITMAP_BYTES_MAX, ORIGIN_RAREST_RUNS_MAX } from '../core/limits.ts'
import type { Random } from '../core/random.ts'
import { Spread } from './policy/spread.ts'
import { RunQueue } from './run-queue.ts'

export interface AssignRequest {
  /** Runs the asker holds. Each of them was told by `held`. */
  readonly have: Bitmap
  readonly count: number
  /** Nobody else can give the asker anything. */
  readonly starving: boolean
  readonly nowMs: number
  /** The origin has had nothing to send for a moment. */
  readonly idle?: boolean
  /** Who asks: one whose runs do not reach others gets no new ones. Nothing is watched without it. */
  readonly asker?: unknown
}

/**
 * Superseeding: the origin decides which run it sends to whom. It hands out each run once, and a second
 * time only when its taker was lost or does not pass it on, or when an asker has nobody else to ask. What an ask costs does not grow with the image.
 */
export class Superseed {
  readonly #runs: number
  readonly #random: Random
  readonly #assigned: Uint16Array
  readonly #holders: Uint16Array
  readonly #assignedMs: Float64Array
  /** Runs never assigned, in random order from the end. */
  readonly #fresh: number[]
  /** Runs that nobody may hold although they were assigned or held: the oldest assignment first. */
  readonly #doubtful: RunQueue
  /** Runs whose taker has left before it held them. */
  readonly #returned: number[] = []
  readonly #spread: Spread

  constructor(init: { runs: number; random: Random }) {
    this.#runs = init.runs
    this.#random = init.random
    this.#assigned = new Uint16Array(init.runs)
    this.#holders = new Uint16Array(init.runs)
    this.#assignedMs = new Float64Array(init.runs).fill(Number.NEGATIVE_INFINITY)
    this.#fresh = shuffled(init.runs, init.random)
    this.#doubtful = new RunQueue(init.runs)
    this.#spread = new Spread({ holders: this.#holders })
  }

  /** Copies of a run that left this origin by assignment. */
  assignedOf(run: number): number {
    return this.#assigned[run] ?? 0
  }

  /** A peer has told that it holds the run. */
  held(run: number, nowMs?: number): void {
    const holders = (this.#holders[run] ?? 0) + 1
    this.#holders[run] = holders
    const givenMs = this.#assignedMs[run] ?? Number.NEGATIVE_INFINITY
    if (nowMs === undefined || givenMs < 0) return
    if (holders === 1) this.#spread.told(nowMs - givenMs)
    if (holders === 2) this.#spread.spread(run, nowMs - givenMs)
  }

  /** The asker is gone; it was assigned these runs and has not told that it holds them. */
  left(asker: unknown, untold: Iterable<number>): void {
    this.#spread.leave(asker)
    for (const run of untold) if (this.#holders[run] === 0) this.#returned.push(run)
  }

  /** A peer that held the run is gone. */
  lost(run: number): void {
    const holders = this.#holders[run] ?? 0
    if (holders > 0) this.#holders[run] = holders - 1
    if (holders === 1) this.#doubtful.add(run)
  }

  /** Runs for the asker to want now, `count` at most; empty when it had better wait for other peers. */
  assign(asked: AssignRequest): number[] {
    const { asker, nowMs } = asked
    const stuck = asker !== undefined && this.#spread.isStuck(asker, nowMs)
    const suspect = asker !== undefined && this.#spread.isSuspect(asker, nowMs)
    const request = suspect ? { ...asked, count: Math.min(1, asked.count) } : asked
    const given = stuck ? [] : this.#takeReturned(request)
    if (!stuck) {
      this.#takeOrphans(request, given)
      this.#takeFresh(request, given)
      if (given.length === 0 && request.idle === true) this.#takeOrphans(request, given, { idle: true })
    }
    if (given.length === 0 && request.starving) this.#takeRarest(request, given)
    for (const run of given) {
      this.#assigned[run] = this.assignedOf(run) + 1
      this.#doubtful.add(run)
      this.#assignedMs[run] = request.nowMs
      if (request.asker !== undefined) this.#spread.given(request.asker, run, request.nowMs)
    }
    return given
  }

  #takeReturned(request: AssignRequest): number[] {
    const given: number[] = []
    while (given.length < request.count) {
      const run = this.#returned.pop()
      if (run === undefined) break
      if (this.#holders[run] === 0 && !request.have.has(run)) given.push(run)
    }
    return given
  }

  #takeFresh(request: AssignRequest, given: number[]): void {
    for (let i = this.#fresh.length - 1; i >= 0 && given.length < request.count; i--) {
      const run = this.#fresh[i] ?? 0
      const settled = this.assignedOf(run) > 0 || (this.#holders[run] ?? 0) > 0
      if (!settled && request.have.has(run)) continue
      if (!settled) given.push(run)
      this.#fresh[i] = this.#fresh[this.#fresh.length - 1] ?? 0
      this.#fresh.pop()
    }
  }

  /**
   * Runs that nobody holds, or one peer alone that does not pass them on, although they were given away some time ago. Each that it
   * passes was added by an assignment or a loss. `idle`: there is nothing else to give.
   */
  #takeOrphans(request: AssignRequest, given: number[], { idle } = { idle: false }): void {
    const watched = request.asker !== undefined
    while (given.length < request.count) {
      const run = this.#doubtful.first
      if (run === undefined) return
      const holders = this.#holders[run] ?? 0
      const doubtful = holders === 0 || (holders === 1 && watched)
      const afterMs = this.#orphanMs(run, holders, idle)
      const young = (this.#assignedMs[run] ?? 0) >= request.nowMs - afterMs
      if (doubtful && (young || request.have.has(run))) return
      this.#doubtful.shift()
      if (!doubtful || given.includes(run)) continue
      this.#spread.taken(run, request.nowMs)
      given.push(run)
    }
  }

  /** How long a run that so many hold stays with its taker. */
  #orphanMs(run: number, holders: number, idle: boolean): number {
    if (idle && holders <= 1) return this.#spread.idleLimitMs(run, holders)
    return holders === 0 ? this.#spread.untoldLimitMs(run) : this.#spread.limitMs
  }

  /** What the asker lacks and was assigned least, in a part of the bitmap that begins anywhere. */
  #takeRarest(request: AssignRequest, given: number[]): void {
    const { bytes } = request.have
    const start = Math.floor(this.#random() * bytes.length)
    const rarest = { fewest: Number.POSITIVE_INFINITY, looked: 0 }
    const end = Math.min(bytes.length, ORIGIN_RAREST_BITMAP_BYTES_MAX)
    for (let i = 0; i < end && rarest.looked < ORIGIN_RAREST_RUNS_MAX; i++) {
      const at = (start + i) % bytes.length
      if (bytes[at] === 0xff) continue
      for (let run = at * 8; run < Math.min(at * 8 + 8, this.#runs); run++) {
        if (request.have.has(run)) continue
        rarest.looked++
        const copies = this.assignedOf(run)
        if (copies < rarest.fewest) {
          rarest.fewest = copies
          given.length = 0
        }
        if (copies === rarest.fewest && given.length < request.count) given.push(run)
      }
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
