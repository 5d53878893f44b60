import type { CurvePoint } from '../peers/contestant.ts'
import { type Counters, difference, receivedBytes } from './counters.ts'

/** Looks at the counters in the time that one link needs for the file: enough to draw, few enough to cost nothing. */
const LOOKS_PER_LINK_TIME = 20
const LOOK_MS_MIN = 400

export interface CurveInit {
  readonly look: () => Promise<Counters>
  readonly before: Counters
  readonly linkSeconds: number
}

/** Watches the counters of the receivers' links while a race runs. */
export class Curve {
  readonly #init: CurveInit
  readonly #begin = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #points: CurvePoint[] = []
  readonly #completions: number[] = []
  #looking = false

  constructor(init: CurveInit) {
    this.#init = init
    const everyMs = Math.max(LOOK_MS_MIN, (init.linkSeconds * 1000) / LOOKS_PER_LINK_TIME)
    this.#timer = setInterval(() => void this.#look(), everyMs)
  }

  /** A receiver has everything since `seconds`; gives them back. */
  complete(seconds: number): number {
    this.#completions.push(seconds)
    return seconds
  }

  /** All points so far, from nothing to `end`: what went over the links when the last receiver was complete. */
  points(end: Counters): CurvePoint[] {
    const last = Math.max(0, ...this.#completions)
    const between = this.#points.filter((point) => point.seconds < last)
    return [this.#point(0, undefined), ...between, this.#point(last, end)]
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const asked = performance.now()
      const counters = await this.#init.look()
      const seconds = ((asked + performance.now()) / 2 - this.#begin) / 1000
      this.#points.push(this.#point(seconds, difference(this.#init.before, counters)))
    } catch {
      // The arena was closed meanwhile; the race says why.
    } finally {
      this.#looking = false
    }
  }

  #point(seconds: number, links: Counters | undefined): CurvePoint {
    const received = links === undefined ? 0 : receivedBytes(links)
    return {
      seconds,
      meanReceivedBytes: received / Math.max(1, links?.receivers.length ?? 1),
      complete: this.#completions.filter((at) => at <= seconds).length,
    }
  }
}
