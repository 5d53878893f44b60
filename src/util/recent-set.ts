/** The so many things that were added last, the longest not added first. State only. */
export class RecentSet<T> {
  readonly #max: number
  readonly #things = new Set<T>()

  constructor(init: { max: number }) {
    this.#max = init.max
  }

  get size(): number {
    return this.#things.size
  }

  has(thing: T): boolean {
    return this.#things.has(thing)
  }

  /** Returns whether it was not here. The oldest makes room; not one that is `kept`, of which there are fewer than `max`. */
  add(thing: T, kept: (other: T) => boolean = () => false): boolean {
    const fresh = !this.#things.delete(thing)
    this.#things.add(thing)
    if (this.#things.size > this.#max) this.#forgetOne(kept)
    return fresh
  }

  delete(thing: T): boolean {
    return this.#things.delete(thing)
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#things.values()
  }

  #forgetOne(kept: (other: T) => boolean): void {
    for (const oldest of this.#things) {
      if (kept(oldest)) continue
      this.#things.delete(oldest)
      return
    }
  }
}
