import type { Clock } from '../core/clock.ts'
import {
  ORIGIN_ASSIGNED_RUNS,
  ORIGIN_KEPT_RUNS_MAX,
  STARVING_AFTER_MS,
  STARVING_FOR_MS,
} from '../core/limits.ts'
import type { Picker } from './picker.ts'
import type { SessionPeer } from './session-peer.ts'

export interface OriginAsksComponents {
  clock: Clock
  picker: Picker
  /** Milliseconds since something arrived or was planned; undefined while something is under way. */
  idleMs(): number | undefined
  /** There may be something to do now. */
  pump(): void
  failed(peer: SessionPeer, error: unknown): void
}

/** Asks an origin which runs to want from it, and keeps its answers until they can be used. */
export class OriginAsks {
  readonly #components: OriginAsksComponents
  #planned = false
  #starvedMs = Number.NEGATIVE_INFINITY

  constructor(components: OriginAsksComponents) {
    this.#components = components
  }

  /** Everything is planned: from now on what is missing is known. */
  planned(): void {
    this.#planned = true
  }

  /**
   * The next run that the origin assigned and that is still missing; asks for more in time. The origin assigns a run once, so
   * one whose segment is not planned yet is kept for later, and so is one whose want failed.
   */
  next(peer: SessionPeer): number | undefined {
    const { picker } = this.#components
    peer.assigned = peer.assigned.filter((run) => picker.isMissing(run) || picker.isUnplanned(run))
    const ready = peer.assigned.filter((run) => picker.isMissing(run))
    const [run] = ready
    if (run !== undefined) peer.assigned.splice(peer.assigned.indexOf(run), 1)
    if (ready.length <= ORIGIN_ASSIGNED_RUNS / 2 && picker.missingCount > 0) void this.#ask(peer)
    return run
  }

  async #ask(peer: SessionPeer): Promise<void> {
    const { clock, pump, failed } = this.#components
    if (peer.asking) return
    const count = Math.min(ORIGIN_ASSIGNED_RUNS, ORIGIN_KEPT_RUNS_MAX - peer.assigned.length)
    if (count <= 0) return
    peer.asking = true
    try {
      const assign = await peer.connection.ask({ id: peer.id, count, starving: this.#isStarving() })
      peer.assigned.push(...assign.runs.slice(0, count))
      if (assign.runs.length > 0) peer.asking = false
      else clock.after(assign.retryMs, () => this.#askAgain(peer))
    } catch (error) {
      peer.asking = false
      failed(peer, error)
    }
    pump()
  }

  #askAgain(peer: SessionPeer): void {
    peer.asking = false
    this.#components.pump()
  }

  /**
   * Whether nobody but the origin can give anything: something is missing, no neighbour holds any of it, and nothing has been
   * under way for a while or was not a moment ago, so that one wait is enough for many asks.
   */
  #isStarving(): boolean {
    const { picker, clock, idleMs } = this.#components
    if (!this.#planned || picker.missingCount === 0 || picker.availableCount > 0) return false
    const nowMs = clock.monotonic()
    if ((idleMs() ?? 0) > STARVING_AFTER_MS) this.#starvedMs = nowMs
    return nowMs - this.#starvedMs <= STARVING_FOR_MS
  }
}
