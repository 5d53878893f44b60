import { RUN_BYTES_MAX, RUN_PARTS } from '../../src/core/limits.ts'
import type { Scenario } from './scenarios.ts'
import type { SimInit } from './simulation.ts'

/** Transfers of parts of runs that one simulation is meant to have: 30 to 50 microseconds of CPU each, with all that they cause. */
const TRANSFERS_MAX = 4_000_000
/** Runs that an image keeps in any case, or half of it: with fewer its first and its last take a share of the time. */
const RUNS_MIN = 512

/** What hosts and their network are like, besides what a scenario says. */
const HABITS = {
  delayMs: 0.1,
  crossDelayMs: 0.2,
  startupMs: 100,
  startSpreadMs: 1000,
  handshakeMs: 10,
  storeMs: 5,
}

export interface SettingOptions {
  readonly seed: number
  /** How much larger runs are than real ones; undefined: as much as the transfers are too many. */
  readonly scale?: number | undefined
  /** Bits per second of each rack's uplink; undefined: a quarter of the sum of the rates in it. */
  readonly uplinkBitsPerSecond?: number | undefined
}

/** The simulation of a scenario. */
export function settingOf(scenario: Scenario, options: SettingOptions): SimInit {
  const { nodes, sizeBytes, rateBitsPerSecond, racks = 1 } = scenario
  const rate = bytesPerMs(rateBitsPerSecond)
  const { seed, scale = scaleOf(nodes, sizeBytes), uplinkBitsPerSecond } = options
  const uplink =
    uplinkBitsPerSecond === undefined ? ((nodes / racks) * rate) / 4 : bytesPerMs(uplinkBitsPerSecond)
  return {
    ...HABITS,
    ...{ nodes, imageBytes: sizeBytes, rate, originRate: rate, racks, seed, scale },
    uplink: racks > 1 ? uplink : undefined,
  }
}

/** A power of two. */
function scaleOf(nodes: number, sizeBytes: number): number {
  const runs = sizeBytes / RUN_BYTES_MAX
  const runsMax = Math.max(RUNS_MIN, TRANSFERS_MAX / RUN_PARTS / nodes)
  return 2 ** Math.max(0, Math.ceil(Math.log2(runs / runsMax)))
}

function bytesPerMs(bitsPerSecond: number): number {
  return bitsPerSecond / 8 / 1000
}
