/** Lets so many tasks run at once; the others wait in the order in which they came. */
export class Limiter {
  readonly #max: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(init: { max: number }) {
    this.#max = init.max
  }

  /** Runs `task` when it is its turn. Errors: those of `task`. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      // Its place goes to the next, so that nobody comes between.
      if (next === undefined) this.#running--
      else next()
    }
  }
}
