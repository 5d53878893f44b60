import type { EventQueue } from './events.ts'

/** One thing that has to be looked at again at the earliest moment that was named. */
export class Wake {
  readonly #queue: EventQueue
  readonly #look: () => void
  #atMs = Number.POSITIVE_INFINITY

  constructor(components: { queue: EventQueue }, look: () => void) {
    this.#queue = components.queue
    this.#look = look
  }

  /** Looks after so long, unless that is done before anyhow. */
  after(ms: number): void {
    const atMs = this.#queue.monotonic() + ms
    if (atMs >= this.#atMs) return
    this.#atMs = atMs
    this.#queue.after(ms, () => {
      if (this.#atMs === atMs) this.#atMs = Number.POSITIVE_INFINITY
      this.#look()
    })
  }
}
