import type { Clock } from '../../src/core/clock.ts'
import { unless } from '../../src/util/unless.ts'

/** Before the first try; it doubles. */
const PAUSE_FIRST_MS = 10

/** The pause before something is tried again, one for all who wait for it. */
export class Retries {
  readonly #clock: Clock
  #pauseMs = PAUSE_FIRST_MS
  #pause: { readonly over: PromiseWithResolvers<void>; readonly cancel: () => void } | undefined

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** Resolves when it is to be tried again; the pauses grow up to `maxMs`. Errors: the reason of the signal. */
  async wait(signal: AbortSignal, maxMs: number): Promise<void> {
    this.#pause ??= this.#begin(Math.min(this.#pauseMs, maxMs))
    await unless(signal, this.#pause.over.promise)
  }

  /** At once: there is reason to think that it goes now. */
  now(): void {
    this.#pauseMs = PAUSE_FIRST_MS
    this.#end()
  }

  /** It has worked: the next pause is short again. */
  worked(): void {
    this.#pauseMs = PAUSE_FIRST_MS
  }

  #begin(ms: number) {
    this.#pauseMs = 2 * ms
    const cancel = this.#clock.after(ms, () => this.#end())
    return { over: Promise.withResolvers<void>(), cancel }
  }

  #end(): void {
    this.#pause?.cancel()
    this.#pause?.over.resolve()
    this.#pause = undefined
  }
}
