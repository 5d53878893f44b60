import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError, BusyError } from '../../src/core/errors.ts'

export interface PlacesInit {
  readonly max: number
  readonly perPrincipalMax: number
  /** Who may wait, everybody together. */
  readonly waitingMax: number
  readonly waitMs: number
  /** For who finds no place in time. */
  readonly message: string
}

interface Waiting {
  readonly principal: string
  readonly begin: () => void
}

/**
 * Places for long transfers: so many for everybody, a part of them for each principal. Who finds none waits for a while, the
 * first to come first, except that nobody waits behind a principal that has all of its own.
 */
export class Places {
  readonly #clock: Clock
  readonly #init: PlacesInit
  readonly #inside = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  #taken = 0

  constructor(components: { clock: Clock }, init: PlacesInit) {
    this.#clock = components.clock
    this.#init = init
  }

  /** Places that are taken. */
  get taken(): number {
    return this.#taken
  }

  /** Resolves with how to leave the place. Errors: BusyError when there is none in time, AbortedError. */
  async take(principal: string, options: CallOptions = {}): Promise<() => void> {
    if (!this.#isFree(principal)) await this.#wait(principal, options)
    else this.#enter(principal)
    let left = false
    return () => {
      if (!left) this.#leave(principal)
      left = true
    }
  }

  #isFree(principal: string): boolean {
    const { max, perPrincipalMax } = this.#init
    return this.#taken < max && (this.#inside.get(principal) ?? 0) < perPrincipalMax
  }

  #enter(principal: string): void {
    this.#taken++
    this.#inside.set(principal, (this.#inside.get(principal) ?? 0) + 1)
  }

  #leave(principal: string): void {
    this.#taken--
    const left = (this.#inside.get(principal) ?? 1) - 1
    if (left === 0) this.#inside.delete(principal)
    else this.#inside.set(principal, left)
    for (const waiting of this.#waiting) {
      if (!this.#isFree(waiting.principal)) continue
      this.#waiting.delete(waiting)
      this.#enter(waiting.principal)
      waiting.begin()
      return
    }
  }

  /** Resolves with the place taken. */
  async #wait(principal: string, { signal }: CallOptions): Promise<void> {
    const { waitingMax, waitMs, message } = this.#init
    if (this.#waiting.size >= waitingMax) throw new BusyError(message)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = { principal, begin: resolve }
    const giveUp = (error: Error) => {
      if (this.#waiting.delete(waiting)) reject(error)
    }
    this.#waiting.add(waiting)
    const stop = () => giveUp(new AbortedError('stopped', { cause: signal?.reason }))
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    const cancel = this.#clock.after(waitMs, () => giveUp(new BusyError(message)))
    await promise.finally(() => {
      cancel()
      signal?.removeEventListener('abort', stop)
    })
  }
}
