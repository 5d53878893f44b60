import type { Due, EventQueue } from './events.ts'
import { Flow, type Host } from './host.ts'

/** Quanta of a run: what a link serves of one flow before it turns to the next. */
const QUANTA_PER_RUN = 4

export interface NetworkInit {
  readonly runBytes: number
  /** One way, between hosts of one rack or without racks. */
  readonly delayMs: number
  /** One way, between hosts of different racks. */
  readonly crossDelayMs: number
}

/** How far hosts are from each other, what passes between them, and what of it crossed racks. */
export class Network {
  readonly #queue: EventQueue
  readonly #init: NetworkInit
  readonly #quantumBytes: number
  #messages = 0

  constructor(queue: EventQueue, init: NetworkInit) {
    this.#queue = queue
    this.#init = init
    this.#quantumBytes = Math.ceil(init.runBytes / QUANTA_PER_RUN)
  }

  get messages(): number {
    return this.#messages
  }

  /** The last message went to so many more at the same distance. */
  sentToo(count: number): void {
    this.#messages += count
  }

  delayMs(from: Host, to: Host): number {
    return from.rack === to.rack ? this.#init.delayMs : this.#init.crossDelayMs
  }

  flow(from: Host, to: Host): Flow {
    const delayMs = this.delayMs(from, to)
    return new Flow(this.#queue, { from, to, delayMs, quantumBytes: this.#quantumBytes })
  }

  /** A small message: it takes no bandwidth, but waits while one of the racks is cut off. */
  message(from: Host, to: Host, message: Due): void {
    this.#messages++
    this.#pass(from, to, message)
  }

  #pass(from: Host, to: Host, message: Due): void {
    if (from.isStopped || to.isStopped) return
    const cut = from.rack === to.rack ? undefined : [from.rack, to.rack].find((rack) => rack?.isCut)
    if (cut !== undefined) cut.hold(() => this.#pass(from, to, message))
    else this.#queue.at(this.#queue.monotonic() + this.delayMs(from, to), message)
  }
}
