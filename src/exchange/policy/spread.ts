import { SPREAD_MS_MIN, SPREAD_SAMPLES_MIN, SPREAD_TIMES, SPREAD_WATCHED_MAX } from '../../core/limits.ts'

interface Watched {
  /** Runs that it was given, the oldest first; those before `head` have spread. */
  readonly runs: number[]
  readonly givenMs: number[]
  head: number
  askedMs: number
  stuck: boolean
}

/**
 * How fast runs that an origin gave to one peer reach a second one, and whose do not: a peer that receives and hardly sends must not
 * be the only one with a part of the image. State only.
 */
export class Spread {
  readonly #holders: Uint16Array
  readonly #askers = new Map<unknown, Watched>()
  #meanMs = 0
  #samples = 0

  /** `holders`: how many peers hold each run, kept by the caller. */
  constructor(init: { holders: Uint16Array }) {
    this.#holders = init.holders
  }

  /** How long a run may be at one peer alone before that is unusual; infinite before it is known what is usual. */
  get limitMs(): number {
    if (this.#samples < SPREAD_SAMPLES_MIN) return Number.POSITIVE_INFINITY
    return Math.max(SPREAD_MS_MIN, SPREAD_TIMES * this.#meanMs)
  }

  given(asker: unknown, run: number, nowMs: number): void {
    const watched = this.#of(asker)
    if (watched.runs.length - watched.head >= SPREAD_WATCHED_MAX) return
    watched.runs.push(run)
    watched.givenMs.push(nowMs)
  }

  /** A second peer holds a run that was given away `afterMs` ago. */
  spread(afterMs: number): void {
    this.#samples++
    this.#meanMs += (afterMs - this.#meanMs) / Math.min(this.#samples, SPREAD_SAMPLES_MIN)
  }

  leave(asker: unknown): void {
    this.#askers.delete(asker)
  }

  /** Whether the asker should get no new run now: its old ones stay with it, and there is somebody else to give to. */
  isStuck(asker: unknown, nowMs: number): boolean {
    const watched = this.#of(asker)
    watched.askedMs = nowMs
    this.#forgetSpread(watched)
    const givenMs = watched.givenMs[watched.head]
    watched.stuck = givenMs !== undefined && nowMs - givenMs > this.limitMs
    if (!watched.stuck) return false
    for (const other of this.#askers.values()) {
      if (!other.stuck && nowMs - other.askedMs <= SPREAD_MS_MIN) return true
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
    const made = { runs: [], givenMs: [], head: 0, askedMs: Number.NEGATIVE_INFINITY, stuck: false }
    this.#askers.set(asker, made)
    return made
  }
}
