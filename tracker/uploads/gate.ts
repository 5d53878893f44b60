/**
 * Shared for whatever relies on blocks that are stored, exclusive for whatever deletes some. Who asks for the exclusive
 * side goes before shared ones that come later. Not to be entered again from within.
 */
export class Gate {
  /** End of the last exclusive one that runs or waits. */
  #last: Promise<void> | undefined
  readonly #inside = new Set<Promise<void>>()

  /** Runs `fn` beside other shared ones. */
  async shared<T>(fn: () => Promise<T>): Promise<T> {
    while (this.#last !== undefined) await this.#last
    const done = Promise.withResolvers<void>()
    this.#inside.add(done.promise)
    try {
      return await fn()
    } finally {
      this.#inside.delete(done.promise)
      done.resolve()
    }
  }

  /** Runs `fn` alone: after everything that came before, before everything that comes later. */
  async exclusive<T>(fn: () => Promise<T>): Promise<T> {
    const before = this.#last
    const done = Promise.withResolvers<void>()
    this.#last = done.promise
    try {
      await before
      await Promise.all(this.#inside)
      return await fn()
    } finally {
      if (this.#last === done.promise) this.#last = undefined
      done.resolve()
    }
  }
}
