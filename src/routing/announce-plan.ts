import type { AnnouncedSwarm } from '../api/swarm-schemas.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { ANNOUNCE_REPEAT_MS, ANNOUNCE_SWARMS_MAX, REFUSED_RETRY_MS } from '../core/limits.ts'

/** Octets that an entry takes beside its manifest and its delegation. */
const ENTRY_BYTES = 160

/** What was last said of a swarm, and when to say it again. */
interface Told {
  readonly runs: number
  readonly refused: boolean
  readonly dueMs: number
}

/**
 * What one announce says of all the swarms that a node is in: every pull, what has changed, and of the rest as many as fit, those
 * first that were told the longest ago. The node's sign of life keeps its other places, so that one request for each interval is
 * enough, whatever there is. Decides only; times of a monotonic clock.
 */
export class AnnouncePlan {
  readonly #clock: Clock
  readonly #told = new Map<ManifestId, Told>()

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /**
   * Those of `held` to be announced now: no more than ANNOUNCE_SWARMS_MAX and `bytesMax` of JSON, but one in any case. `find` marks
   * pulls.
   */
  next(held: readonly AnnouncedSwarm[], init: { bytesMax: number }): AnnouncedSwarm[] {
    this.#dropOthers(held)
    const nowMs = this.#clock.monotonic()
    const due = held
      .map((swarm) => ({ swarm, dueMs: this.#dueMs(swarm, nowMs) }))
      .filter(({ dueMs }) => dueMs <= nowMs)
      .sort((a, b) => Number(b.swarm.find ?? false) - Number(a.swarm.find ?? false) || a.dueMs - b.dueMs)
    const chosen: AnnouncedSwarm[] = []
    let bytes = 0
    for (const { swarm } of due) {
      bytes += ENTRY_BYTES + swarm.manifest.length + (swarm.delegation?.length ?? 0)
      if (chosen.length > 0 && (chosen.length >= ANNOUNCE_SWARMS_MAX || bytes > init.bytesMax)) break
      chosen.push(swarm)
    }
    return chosen
  }

  /** The tracker has taken this. */
  accepted({ manifest, runs }: AnnouncedSwarm): void {
    this.#set(manifest, { runs, refused: false, dueMs: this.#clock.monotonic() + ANNOUNCE_REPEAT_MS })
  }

  /** The tracker refuses this: asked again after REFUSED_RETRY_MS. */
  refused({ manifest, runs }: AnnouncedSwarm): void {
    this.#set(manifest, { runs, refused: true, dueMs: this.#clock.monotonic() + REFUSED_RETRY_MS })
  }

  /** In how many swarms the tracker knows this node: when it has forgotten some, all are told again. */
  known(places: number): void {
    const accepted = [...this.#told].filter(([, { refused }]) => !refused)
    if (places < accepted.length) for (const [manifest] of accepted) this.#told.delete(manifest)
  }

  /** Whether the tracker has been told of anything, so that it waits for signs of life. */
  get isKnown(): boolean {
    return this.#told.size > 0
  }

  forget(manifest: ManifestId): void {
    this.#told.delete(manifest)
  }

  #set(manifest: ManifestId, told: Told): void {
    this.#told.delete(manifest)
    this.#told.set(manifest, told)
  }

  #dueMs({ manifest, runs, find }: AnnouncedSwarm, nowMs: number): number {
    const told = this.#told.get(manifest)
    if (told === undefined) return Number.NEGATIVE_INFINITY
    if (told.refused) return told.dueMs
    return find === true || runs !== told.runs ? Math.min(told.dueMs, nowMs) : told.dueMs
  }

  #dropOthers(held: readonly AnnouncedSwarm[]): void {
    const here = new Set(held.map(({ manifest }) => manifest))
    for (const manifest of this.#told.keys()) if (!here.has(manifest)) this.#told.delete(manifest)
  }
}
