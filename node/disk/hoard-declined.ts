import type { Clock } from '../../src/core/clock.ts'
import { HOARD_ABSENT_MS, HOARD_RECHECK_MS } from '../../src/core/disk-limits.ts'
import type { HoardCandidate } from './hoard-candidates.ts'

interface Declined {
  readonly manifest: string
  /** What its boot would take; undefined when nobody has recorded one. */
  readonly bytes: number | undefined
  readonly askedMs: number
  /** Until it is asked again. */
  readonly pauseMs: number
}

/** Images that were asked about and have nothing to be brought in, by reference. Each question is a join, which the tracker signs a grant for. */
export class HoardDeclined {
  readonly #clock: Clock
  readonly #all = new Map<string, Declined>()

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** `bytes`: of a boot that found no room; undefined when there is no profile. */
  note({ reference, manifest }: HoardCandidate, bytes: number | undefined): void {
    const before = this.#all.get(reference)
    const again = before?.manifest === manifest ? 2 * before.pauseMs : HOARD_ABSENT_MS
    const pauseMs = Math.min(again, HOARD_RECHECK_MS)
    this.#all.set(reference, { manifest, bytes, askedMs: this.#clock.monotonic(), pauseMs })
  }

  /** Whether it has to be asked about: another version, one that has found no room and would find it now, or one whose time is over. */
  isDue({ reference, manifest }: HoardCandidate, hasRoom: (bytes: number) => boolean): boolean {
    const known = this.#all.get(reference)
    if (known === undefined || known.manifest !== manifest) return true
    if (known.bytes !== undefined && hasRoom(known.bytes)) return true
    return this.#clock.monotonic() - known.askedMs >= known.pauseMs
  }

  /** Forgets all others. */
  keep(candidates: readonly HoardCandidate[]): void {
    const kept = new Set(candidates.map(({ reference }) => reference))
    for (const reference of this.#all.keys()) if (!kept.has(reference)) this.#all.delete(reference)
  }

  forget(reference: string): void {
    this.#all.delete(reference)
  }

  clear(): void {
    this.#all.clear()
  }
}
