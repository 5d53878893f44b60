import type { ArenaKind } from '../arena/arena.ts'
import type { RaceResult } from '../peers/contestant.ts'

/** The conditions, the same for every system and run. */
export interface Conditions {
  readonly arena: ArenaKind
  /** Hosts that receive; the origin is one more. */
  readonly nodes: number
  /** Of each host's link, each direction. */
  readonly rateBitsPerSecond: number
  readonly racks: number
  /** Of each rack's uplink, each direction; undefined with one rack. */
  readonly uplinkBitsPerSecond: number | undefined
  /** What was fetched. */
  readonly imageBytes: number
  /** In words: `bytes that do not compress`, `FILE, where each node has OTHER`. */
  readonly image: string
  /** Whether each node had an earlier image. */
  readonly update: boolean
  readonly seed: number
}

/** Where and when, so that figures are not compared across machines by accident. */
export interface Provenance {
  readonly date: string
  /** Of the sources; `-dirty` where they were changed. `unknown` outside of a clone. */
  readonly commit: string
  readonly machine: {
    readonly processor: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
    /** Load average of one minute before the first run: above one half, figures are noise. */
    readonly loadBefore: number
  }
}

export interface SystemRun extends RaceResult {
  /** Seconds of one HTTP GET of the same bytes between two of these hosts, in the same run. */
  readonly getSeconds: number
}

export interface SystemReport {
  readonly name: string
  readonly setting: string
  /** Undefined where the programs are not here. */
  readonly version: string | undefined
  readonly runs: readonly SystemRun[]
  /** Why it was not tried: programs that are missing, an arena that is not for it. */
  readonly lack: string | undefined
  /** Why a run failed; none is tried after that. */
  readonly failure: string | undefined
}

/** Everything that `compare` found out, as it is written to `compare.json`. */
export interface Report {
  readonly format: 'bootswarm/compare/1'
  readonly provenance: Provenance
  readonly conditions: Conditions
  readonly runsWanted: number
  /** Seconds of one HTTP GET of the same bytes, of each run. */
  readonly getSeconds: readonly number[]
  readonly systems: readonly SystemReport[]
}
