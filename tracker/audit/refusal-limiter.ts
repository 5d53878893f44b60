import type { Clock } from '../../src/core/clock.ts'
import { AUDIT_ASKERS_MAX, AUDIT_REFUSALS_PER_MINUTE } from '../../src/core/registry-limits.ts'

const MINUTE_MS = 60_000

/** Refusals of one asker that were left out. */
export interface Omitted {
  readonly dn: string | null
  readonly count: number
}

/**
 * Lets so many refusals of each asker into the audit log a minute, all that are anonymous being one; the rest is counted, so that nobody
 * can fill the disk by asking for what it may not have.
 */
export class RefusalLimiter {
  readonly #clock: Clock
  readonly #onOmitted: (omitted: readonly Omitted[]) => void
  #counts = new Map<string | null, number>()
  #cancel: (() => void) | undefined

  constructor(components: { clock: Clock }, init: { onOmitted: (omitted: readonly Omitted[]) => void }) {
    this.#clock = components.clock
    this.#onOmitted = init.onOmitted
  }

  /** Whether a refusal is to be written down. `dn`: null for the anonymous. */
  admit(dn: string | null): boolean {
    // Beyond so many askers in one minute, new ones share a line of their own with the anonymous.
    const key = this.#counts.has(dn) || this.#counts.size < AUDIT_ASKERS_MAX ? dn : null
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    this.#cancel ??= this.#clock.after(MINUTE_MS, () => this.flush())
    return count <= AUDIT_REFUSALS_PER_MINUTE
  }

  /** Tells what was left out, and begins a new minute. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const omitted = [...this.#counts]
      .map(([dn, count]) => ({ dn, count: count - AUDIT_REFUSALS_PER_MINUTE }))
      .filter(({ count }) => count > 0)
    this.#counts = new Map()
    if (omitted.length > 0) this.#onOmitted(omitted)
  }
}
