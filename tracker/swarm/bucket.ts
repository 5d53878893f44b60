/** An item knows where it stands in each of its buckets. */
export interface Bucketed {
  /** Index in the bucket of each kind; -1: in none. */
  readonly slots: number[]
}

/** A set from which any item is drawn, added or taken out in one step. An item is in one bucket of each kind at most. */
export class Bucket<T extends Bucketed> {
  readonly #kind: number
  readonly #items: T[] = []

  /** `kind`: which of an item's slots is for buckets like this one. */
  constructor(init: { kind: number }) {
    this.#kind = init.kind
  }

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    item.slots[this.#kind] = this.#items.length
    this.#items.push(item)
  }

  /** Takes out an item that is in this bucket; the last one gets its place. */
  delete(item: T): void {
    const last = this.#items.pop()
    const index = item.slots[this.#kind] ?? -1
    item.slots[this.#kind] = -1
    if (last === undefined || last === item) return
    last.slots[this.#kind] = index
    this.#items[index] = last
  }

  /** The item at an index below `size`. */
  at(index: number): T | undefined {
    return this.#items[index]
  }

  /** Any item; undefined when there is none. */
  any(random: () => number): T | undefined {
    return this.#items[Math.floor(random() * this.#items.length)]
  }
}
