import { cpus } from 'node:os'
import type { Clock } from '../core/clock.ts'

/** Time over which it is measured: shorter is noise, longer misses the start of a mass boot. */
const WINDOW_MS = 1000

/** Milliseconds of all cores since the start of the machine. */
export interface CoreTimes {
  readonly idle: number
  readonly total: number
}

/** What the operating system says. */
export function coreTimes(): CoreTimes {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.idle + times.user + times.nice + times.sys + times.irq
  }
  return { idle, total }
}

/** The share of the machine's cores that had nothing to do lately, 0 to 1. */
export class IdleShare {
  readonly #clock: Clock
  readonly #times: () => CoreTimes
  #before: CoreTimes
  #beforeMs: number
  #share = 1

  constructor(components: { clock: Clock; times?: () => CoreTimes }) {
    this.#clock = components.clock
    this.#times = components.times ?? coreTimes
    this.#before = this.#times()
    this.#beforeMs = components.clock.monotonic()
  }

  /** Since the last look that is a second or more ago; 1 before the first. */
  get share(): number {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#beforeMs < WINDOW_MS) return this.#share
    const now = this.#times()
    const total = now.total - this.#before.total
    if (total > 0) this.#share = (now.idle - this.#before.idle) / total
    this.#before = now
    this.#beforeMs = nowMs
    return this.#share
  }
}
