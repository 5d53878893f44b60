import type { Clock } from '../core/clock.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/traffic-class.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { ServeJob } from './policy/serve-client.ts'
import { ServeOrder } from './policy/serve-order.ts'

/** What a job has given to its channel. `room`: the channel takes more. */
export interface Sent {
  readonly bytes: number
  readonly room: boolean
}

/** A request of a peer, and how it is answered. */
export interface DeskJob extends ServeJob {
  serve(): Promise<Sent>
  /** Resolves when the channel takes more. */
  drained(): Promise<void>
  failed(error: unknown): void
}

/** What was served since the start, by class. */
export type ServedBytes = Readonly<Record<TrafficClass, number>>

/** Serves the requests of all peers in the order of the policy. What waits for a slow peer is one job of its own. */
export class ServingDesk {
  readonly #clock: Clock
  readonly #order: ServeOrder<DeskJob>
  readonly #served: Record<TrafficClass, number> = { guest: 0, boot: 0, requested: 0, background: 0 }
  /** Blocks that turned out damaged when they were to be served. */
  damaged = 0
  #refused = 0
  #cancelWake = () => {}

  constructor(components: { clock: Clock; rates: RateLimit }) {
    this.#clock = components.clock
    this.#order = new ServeOrder({ rates: components.rates })
  }

  get waiting(): number {
    return this.#order.waiting
  }

  /** Milliseconds for which there has been nothing to send; infinite before the first time. */
  get idleMs(): number {
    return this.#order.idleMs(this.#clock.monotonic())
  }

  /** Requests that were answered with `busy`. */
  get refused(): number {
    return this.#refused
  }

  get servedBytes(): ServedBytes {
    return { ...this.#served }
  }

  /** False: too many requests wait. */
  add(job: DeskJob): boolean {
    if (!this.#order.add(job, this.#clock.monotonic())) {
      this.#refused++
      return false
    }
    this.#pump()
    return true
  }

  /** Takes a request back; false when it is being served already. */
  remove(job: DeskJob): boolean {
    return this.#order.remove(job)
  }

  /** What the peer is told to fetch has changed. */
  judge(peer: string): void {
    this.#order.judge(peer)
    this.#pump()
  }

  /** The peer has no connection any more. */
  forget(peer: string): void {
    this.#order.forget(peer)
    this.#pump()
  }

  stop(): void {
    this.#cancelWake()
  }

  #pump(): void {
    this.#cancelWake()
    const nowMs = this.#clock.monotonic()
    for (let job = this.#order.next(nowMs); job !== undefined; job = this.#order.next(nowMs))
      void this.#serve(job)
    const waitMs = this.#order.waitMs(nowMs)
    if (waitMs !== undefined) this.#cancelWake = this.#clock.after(waitMs, () => this.#pump())
  }

  async #serve(job: DeskJob): Promise<void> {
    try {
      const { bytes, room } = await job.serve()
      this.#order.sent(job, bytes, this.#clock.monotonic())
      this.#served[job.class] += bytes
      if (!room) await job.drained()
    } catch (error) {
      job.failed(error)
    } finally {
      this.#order.done(job, this.#clock.monotonic())
      this.#pump()
    }
  }
}

/** The class by its number on the wire. */
export const trafficClassOf = (place: number): TrafficClass => TRAFFIC_CLASSES[place] ?? 'background'
