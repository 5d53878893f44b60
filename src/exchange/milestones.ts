/** How far a session had come when, in seconds since it was made; left out what has not happened. */
export interface Milestones {
  /** The first peer has admitted us. */
  firstPeer?: number
  /** The manifest is here. */
  manifest?: number
  /** The first blocks have arrived. */
  firstBlocks?: number
  /** It is known of every run what of it is missing. */
  planned?: number
  /** Half of the runs are held. */
  half?: number
  ninetyPercent?: number
  /** Every run is held. */
  allRuns?: number
}

const SHARES = [
  ['half', 0.5],
  ['ninetyPercent', 0.9],
  ['allRuns', 1],
] as const

/** Keeps the first time of everything that is told to it. */
export class MilestoneBook {
  readonly reached: Milestones = {}
  readonly #nowMs: () => number
  readonly #startedMs: number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  mark(milestone: keyof Milestones): void {
    this.reached[milestone] ??= (this.#nowMs() - this.#startedMs) / 1000
  }

  /** So many of all runs are held. */
  holds(runs: number, total: number): void {
    for (const [milestone, share] of SHARES) if (runs >= share * total) this.mark(milestone)
  }
}
