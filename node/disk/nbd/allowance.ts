import {
  NBD_CONNECTION_BYTES_MAX,
  NBD_CONNECTION_OWN_BYTES,
  NBD_CONNECTION_REQUESTS_MAX,
} from '../../../src/core/disk-limits.ts'
import type { Budget, Holder } from './budget.ts'

/** What the connection does when the budget speaks to it. */
export interface AllowanceInit {
  /** Called when there may be room again. */
  readonly onRoom: () => void
  /** See Holder. */
  readonly silentSinceMs: () => number | undefined
  /** See Holder. */
  readonly unansweredSinceMs: () => number | undefined
  /** Others wait for what this connection holds and does not take: it is hung up on. */
  readonly onGiveWay: () => void
}

/** What one connection has under way: requests that are not answered, or whose answers the system has not taken yet. */
export class Allowance implements Holder {
  readonly #budget: Budget
  readonly #init: AllowanceInit
  #requests = 0
  #bytes = 0
  #isLeaving = false
  #isEnded = false

  constructor(components: { budget: Budget }, init: AllowanceInit) {
    this.#budget = components.budget
    this.#init = init
  }

  get requests(): number {
    return this.#requests
  }

  get bytes(): number {
    return this.#bytes
  }

  get sharedBytes(): number {
    return sharedOf(this.#bytes)
  }

  get silentSinceMs(): number | undefined {
    return this.#init.silentSinceMs()
  }

  get unansweredSinceMs(): number | undefined {
    return this.#init.unansweredSinceMs()
  }

  onRoom(): void {
    if (!this.#isLeaving) this.#init.onRoom()
  }

  giveWay(): void {
    this.end()
    this.#init.onGiveWay()
  }

  /** Whether one more request may begin, whose answer takes so many bytes. */
  admit(bytes: number): boolean {
    if (this.#isEnded || this.#requests >= NBD_CONNECTION_REQUESTS_MAX) return false
    const after = this.#bytes + bytes
    if (after > NBD_CONNECTION_BYTES_MAX) return false
    const shared = sharedOf(after) - sharedOf(this.#bytes)
    if (shared === 0) this.#budget.leave(this)
    else if (!this.#budget.take(shared, this)) return false
    this.#requests += 1
    this.#bytes = after
    return true
  }

  /** It does not want more at the moment: whoever comes behind it goes first. */
  stepBack(): void {
    this.#budget.leave(this)
  }

  release(requests: number, bytes: number): void {
    // what a connection still takes that has ended was given back
    if (this.#isEnded) return
    const shared = sharedOf(this.#bytes) - sharedOf(this.#bytes - bytes)
    this.#requests -= requests
    this.#bytes -= bytes
    if (shared > 0) this.#budget.give(shared, this)
  }

  /** Nothing more will begin; what is under way goes on. */
  leave(): void {
    this.#isLeaving = true
    this.#budget.leave(this)
  }

  /** Gives everything back; the connection is gone. */
  end(): void {
    this.leave()
    this.release(this.#requests, this.#bytes)
    this.#isEnded = true
  }
}

/** What counts against the budget of all. */
function sharedOf(bytes: number): number {
  return Math.max(0, bytes - NBD_CONNECTION_OWN_BYTES)
}
