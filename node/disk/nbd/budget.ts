import {
  NBD_CONNECTION_BYTES_MAX,
  NBD_CONNECTION_OWN_BYTES,
  NBD_CONNECTION_REQUESTS_MAX,
  NBD_SERVER_BYTES_MAX,
} from '../../../src/core/disk-limits.ts'

/** What all connections of a server may have under way together, beyond what each has for itself. */
export class Budget {
  readonly #bytesMax: number
  #bytes = 0
  /** In the order in which they came. */
  readonly #waiting = new Set<Allowance>()

  constructor(init: { bytesMax: number } = { bytesMax: NBD_SERVER_BYTES_MAX }) {
    this.#bytesMax = init.bytesMax
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes
  }

  /** Connections that wait for some. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** False: there is not enough, or somebody came before; `who` is called when it is its turn. */
  take(bytes: number, who: Allowance): boolean {
    const [first = who] = this.#waiting
    if (first === who && this.#bytes + bytes <= this.#bytesMax) {
      this.#waiting.delete(who)
      this.#bytes += bytes
      return true
    }
    this.#waiting.add(who)
    return false
  }

  give(bytes: number): void {
    this.#bytes -= bytes
    this.#wake()
  }

  /** It waits no more: whoever came behind it is not held up. */
  leave(who: Allowance): void {
    if (this.#waiting.delete(who)) this.#wake()
  }

  #wake(): void {
    for (const who of this.#waiting) {
      who.onRoom()
      // whoever still finds no room goes first the next time
      if (this.#waiting.has(who)) return
    }
  }
}

/** What one connection has under way: requests that are not answered, or whose answers the system has not taken yet. */
export class Allowance {
  /** Called when there may be room again. */
  onRoom: () => void = () => {}
  readonly #budget: Budget
  #requests = 0
  #bytes = 0

  constructor(budget: Budget) {
    this.#budget = budget
  }

  get requests(): number {
    return this.#requests
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether one more request may begin, whose answer takes so many bytes. */
  admit(bytes: number): boolean {
    if (this.#requests >= NBD_CONNECTION_REQUESTS_MAX) return false
    const after = this.#bytes + bytes
    if (after > NBD_CONNECTION_BYTES_MAX) return false
    const shared = sharedOf(after) - sharedOf(this.#bytes)
    if (shared === 0) this.#budget.leave(this)
    else if (!this.#budget.take(shared, this)) return false
    this.#requests += 1
    this.#bytes = after
    return true
  }

  release(requests: number, bytes: number): void {
    const shared = sharedOf(this.#bytes) - sharedOf(this.#bytes - bytes)
    this.#requests -= requests
    this.#bytes -= bytes
    if (shared > 0) this.#budget.give(shared)
  }

  /** Nothing more will begin; what is under way goes on. */
  leave(): void {
    this.onRoom = () => {}
    this.#budget.leave(this)
  }

  /** Gives everything back; the connection is gone. */
  end(): void {
    this.leave()
    this.release(this.#requests, this.#bytes)
  }
}

/** What counts against the budget of all. */
function sharedOf(bytes: number): number {
  return Math.max(0, bytes - NBD_CONNECTION_OWN_BYTES)
}
