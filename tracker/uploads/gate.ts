/**
 * Shared for whatever relies on blocks that are stored, exclusive for whatever deletes some. Who
 * asks for the exclusive side goes before shared ones that come later.
 */
export class Gate {
  #tail: Promise<void> = Promise.resolve()
  readonly #inside = new Set<Promise<void>>()

  /** Runs `fn` beside other shared ones. */
  async shared<T>(fn: () => Promise<T>): Promise<T> {
    for (let tail: Promise<void> | undefined; tail !== this.#tail; ) {
      tail = this.#tail
      await tail
    }
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
    const before = this.#tail
    const done = Promise.withResolvers<void>()
    this.#tail = before.then(() => done.promise)
    try {
      await before
      await Promise.all(this.#inside)
      return await fn()
    } finally {
      done.resolve()
    }
  }
}
