import type { CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import type { ContentRouting } from '../core/content-routing.ts'
import { BootswarmError } from '../core/errors.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import {
  DHT_ANNOUNCERS_MAX,
  DHT_PROVIDES_PER_SECOND,
  DHT_RECORD_RENEW_AFTER_MS,
  DHT_RETRY_AFTER_MS,
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
 * What this peer publishes in the DHT, and when. Roots of images at once and always; segments in the background,
 * DHT_PROVIDES_PER_SECOND of them, and only where fewer than DHT_ANNOUNCERS_MAX others announce them. Everything is
 * renewed before it expires. A failure pauses the background for DHT_RETRY_AFTER_MS.
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

  constructor(components: AnnounceBudgetComponents) {
    this.#content = components.content
    this.#clock = components.clock
    this.#log = components.log
  }

  /** Keys that are kept announced, and of those how many have not had their turn. */
  stat(): { roots: number; segments: number; waiting: number } {
    const waiting = this.#roots.waiting + this.#segments.waiting
    return { roots: this.#roots.size, segments: this.#segments.size, waiting }
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
   * Publishes the root of an image now, unless its record is fresh, and keeps it published. When this throws (errors
   * of ContentRouting.provide), the background goes on trying.
   */
  async announceRoot(root: Digest, options: CallOptions = {}): Promise<void> {
    if (this.#roots.isFresh(root, this.#clock.monotonic())) return
    this.#roots.add(root)
    await this.#content.provide(root, options)
    this.#roots.renewAt(root, this.#clock.monotonic() + DHT_RECORD_RENEW_AFTER_MS)
  }

  /** Hands segments to the background. Returns how many were taken: past DHT_SEGMENTS_MAX the rest is left out. */
  addSegments(segments: Iterable<Digest>): number {
    let taken = 0
    for (const segment of segments) {
      if (this.#segments.size >= DHT_SEGMENTS_MAX) break
      if (this.#segments.has(segment)) continue
      this.#segments.add(segment)
      taken++
    }
    return taken
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
      await this.#announceNext(startMs, signal)
    } catch (error) {
      if (!(error instanceof BootswarmError)) this.#log.error({ err: error }, 'announcing failed')
      else if (!signal.aborted) this.#log.debug({ err: error }, 'announcing failed, to be tried again')
      pauseMs = DHT_RETRY_AFTER_MS
    }
    if (signal.aborted) return
    this.#schedule(Math.max(0, startMs + pauseMs - this.#clock.monotonic()), signal)
  }

  async #announceNext(nowMs: number, signal: AbortSignal): Promise<void> {
    const root = this.#roots.next(nowMs)
    const key = root ?? this.#segments.next(nowMs)
    if (key === undefined) return
    if (root !== undefined || !(await this.#isCrowded(key, signal))) {
      await this.#content.provide(key, { signal })
    }
    const lane = root === undefined ? this.#segments : this.#roots
    lane.renewAt(key, this.#clock.monotonic() + DHT_RECORD_RENEW_AFTER_MS)
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
