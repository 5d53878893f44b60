import type { Clock } from '../../src/core/clock.ts'
import { ORDER_WAITS_MAX } from '../../src/core/registry-limits.ts'

/**
 * Nodes that wait for orders: their requests are held until there is something to fetch. A node waits once: who comes again takes
 * the place of the one before.
 */
export class OrderWaits {
  readonly #clock: Clock
  readonly #waiting = new Map<string, OrderWait>()
  #stopped = false

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** To be left. Undefined where all places are taken, and while the tracker stops: then nobody is held. */
  enter(node: string): OrderWait | undefined {
    const before = this.#waiting.get(node)
    before?.end()
    if (this.#stopped || (before === undefined && this.#waiting.size >= ORDER_WAITS_MAX)) return undefined
    const wait = new OrderWait(this.#clock)
    this.#waiting.set(node, wait)
    return wait
  }

  leave(node: string, wait: OrderWait): void {
    wait.end()
    if (this.#waiting.get(node) === wait) this.#waiting.delete(node)
  }

  /** Those of these nodes that wait are to look again. */
  wake(nodes: Iterable<string>): void {
    for (const node of nodes) this.#waiting.get(node)?.wake()
  }

  /** Nobody is held any more. */
  stop(): void {
    this.#stopped = true
    for (const wait of this.#waiting.values()) wait.end()
  }
}

export class OrderWait {
  readonly #clock: Clock
  #ended = false
  #woken = false
  #resolve = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Nobody waits in it any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Resolves when it has been woken since the last time, when it has ended, or after `ms`. */
  async pause(ms: number): Promise<void> {
    if (!this.#woken && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#resolve = resolve
      const cancel = this.#clock.after(ms, resolve)
      await promise
      cancel()
    }
    this.#woken = false
  }

  wake(): void {
    this.#woken = true
    this.#resolve()
  }

  end(): void {
    this.#ended = true
    this.#resolve()
  }
}
