import type { CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentRouting } from '../core/content-routing.ts'
import { AbortedError, BootswarmError, LimitError } from '../core/errors.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import {
  DHT_ANNOUNCERS_MAX,
  DHT_PROVIDES_PER_SECOND,
  DHT_RECORD_RENEW_AFTER_MS,
  DHT_RETRY_AFTER_MS,
  DHT_ROOTS_MAX,
  DHT_SEGMENTS_MAX,
} from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import { AnnounceLane } from './announce-lane.ts'

const TICK_MS = 1000 / DHT_PROVIDES_PER_SECOND

interface AnnounceBudgetComponents {
  content: ContentRouting
  clock: Clock
  log: Log
}

/**
 * What this peer publishes in the DHT, and when: DHT_PROVIDES_PER_SECOND of all together, after a restart too. Roots of images go
 * first; segments only where fewer than DHT_ANNOUNCERS_MAX others announce them. Everything is renewed before it expires. A failure
 * pauses the background for DHT_RETRY_AFTER_MS.
 */
export class AnnounceBudget implements Lifecycle {
  readonly #content: ContentRouting
  readonly #clock: Clock
  readonly #log: Log
  readonly #roots = new AnnounceLane()
  readonly #segments = new AnnounceLane()
  #stop: AbortController | undefined
  #cancel: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()
  /** Before this time nothing more is published. */
  #freeMs = Number.NEGATIVE_INFINITY
  #provided = 0
  #failed = 0

  constructor(components: AnnounceBudgetComponents) {
    this.#content = components.content
    this.#clock = components.clock
    this.#log = components.log
  }

  /**
   * Keys that are kept announced, and of those how many have not had their turn; records that were published since the start, and
   * attempts that failed.
   */
  stat(): { roots: number; segments: number; waiting: number; provided: number; failed: number } {
    const waiting = this.#roots.waiting + this.#segments.waiting
    const { provided, failed } = { provided: this.#provided, failed: this.#failed }
    return { roots: this.#roots.size, segments: this.#segments.size, waiting, provided, failed }
  }

  async start(): Promise<void> {
    if (this.#stop !== undefined) return
    this.#stop = new AbortController()
    this.#schedule(TICK_MS, this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop?.abort()
    this.#cancel?.()
    await this.#running
    this.#stop = undefined
  }

  /**
   * Publishes the root of an image as soon as the budget has room, unless its record is fresh, and keeps it published. When this
   * throws (errors of ContentRouting.provide, LimitError past DHT_ROOTS_MAX), the background goes on trying what it has taken.
   */
  async announceRoot(root: Digest, options: CallOptions = {}): Promise<void> {
    if (this.#roots.isFresh(root, this.#clock.monotonic())) return
    this.addRoots([root])
    if (!this.#roots.has(root)) {
      throw new LimitError('too many images are announced in the DHT', { data: { limit: DHT_ROOTS_MAX } })
    }
    await this.#turn(options)
    await this.#provide(root, options)
    this.#roots.renewAt(root, this.#clock.monotonic() + DHT_RECORD_RENEW_AFTER_MS)
  }

  /** Hands roots to the background. Returns how many were taken: past DHT_ROOTS_MAX the rest is left out. */
  addRoots(roots: Iterable<Digest>): number {
    return addTo(this.#roots, roots, DHT_ROOTS_MAX)
  }

  /** Hands segments to the background. Returns how many were taken: past DHT_SEGMENTS_MAX the rest is left out. */
  addSegments(segments: Iterable<Digest>): number {
    return addTo(this.#segments, segments, DHT_SEGMENTS_MAX)
  }

  /** Stops renewing roots or segments that this peer no longer holds. */
  async withdraw(keys: Iterable<Digest>, options: CallOptions = {}): Promise<void> {
    for (const key of keys) {
      this.#roots.remove(key)
      this.#segments.remove(key)
      await this.#content.withdraw(key, options)
    }
  }

  #schedule(delayMs: number, signal: AbortSignal): void {
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#running = this.#tick(signal)
    })
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonic()
    let pauseMs = TICK_MS
    try {
      if (this.#freeMs <= startMs) await this.#announceNext(startMs, signal)
    } catch (error) {
      if (!(error instanceof BootswarmError)) this.#log.error({ err: error }, 'announcing failed')
      else if (!signal.aborted) this.#log.debug({ err: error }, 'announcing failed, to be tried again')
      pauseMs = DHT_RETRY_AFTER_MS
    }
    if (signal.aborted) return
    const nextMs = Math.max(startMs + pauseMs, this.#freeMs)
    this.#schedule(Math.max(0, nextMs - this.#clock.monotonic()), signal)
  }

  async #announceNext(nowMs: number, signal: AbortSignal): Promise<void> {
    const root = this.#roots.next(nowMs)
    const key = root ?? this.#segments.next(nowMs)
    if (key === undefined) return
    if (root !== undefined || !(await this.#isCrowded(key, signal))) {
      this.#takeTurn()
      await this.#provide(key, { signal })
    }
    const lane = root === undefined ? this.#segments : this.#roots
    lane.renewAt(key, this.#clock.monotonic() + DHT_RECORD_RENEW_AFTER_MS)
  }

  async #provide(key: Digest, options: CallOptions): Promise<void> {
    try {
      await this.#content.provide(key, options)
      this.#provided++
    } catch (error) {
      this.#failed++
      throw error
    }
  }

  /** Takes the next place in the budget; returns for how long to wait for it. */
  #takeTurn(): number {
    const nowMs = this.#clock.monotonic()
    const atMs = Math.max(nowMs, this.#freeMs)
    this.#freeMs = atMs + TICK_MS
    return atMs - nowMs
  }

  /** Waits for the next place in the budget. Errors: AbortedError. */
  async #turn({ signal }: CallOptions): Promise<void> {
    const waitMs = this.#takeTurn()
    if (waitMs === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(waitMs, resolve)
    const abort = () => reject(new AbortedError('stopped on request', { cause: signal?.reason }))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    await promise.finally(() => {
      cancel()
      signal?.removeEventListener('abort', abort)
    })
  }

  async #isCrowded(key: Digest, signal: AbortSignal): Promise<boolean> {
    let others = 0
    for await (const _ of this.#content.findProviders(key, { signal })) {
      others++
      if (others >= DHT_ANNOUNCERS_MAX) return true
    }
    return false
  }
}

function addTo(lane: AnnounceLane, keys: Iterable<Digest>, max: number): number {
  let taken = 0
  for (const key of keys) {
    if (lane.has(key)) continue
    if (lane.size >= max) break
    lane.add(key)
    taken++
  }
  return taken
}
