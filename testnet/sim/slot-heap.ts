/** Times of entries, by slot, and the order in which they were made. */
export interface Moments {
  times: Float64Array
  orders: Float64Array
}

/** A binary heap of slots, the earliest first; what is at the same time in the order in which it was made. */
export class SlotHeap {
  readonly #moments: Moments
  readonly #slots: number[] = []

  constructor(moments: Moments) {
    this.#moments = moments
  }

  get first(): number | undefined {
    return this.#slots[0]
  }

  push(slot: number): void {
    const slots = this.#slots
    let at = slots.length
    slots.push(slot)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = slots[parent] as number
      if (!this.#isBefore(slot, above)) break
      slots[at] = above
      at = parent
    }
    slots[at] = slot
  }

  /** Takes the first out. */
  shift(): void {
    const slots = this.#slots
    const slot = slots.pop()
    if (slot === undefined || slots.length === 0) return
    let at = 0
    for (;;) {
      const child = this.#earlierChild(at)
      if (child < 0 || !this.#isBefore(slots[child] as number, slot)) break
      slots[at] = slots[child] as number
      at = child
    }
    slots[at] = slot
  }

  #earlierChild(at: number): number {
    const slots = this.#slots
    const left = 2 * at + 1
    if (left >= slots.length) return -1
    const right = left + 1
    if (right >= slots.length) return left
    return this.#isBefore(slots[right] as number, slots[left] as number) ? right : left
  }

  #isBefore(a: number, b: number): boolean {
    const { times, orders } = this.#moments
    const difference = (times[a] as number) - (times[b] as number)
    return difference < 0 || (difference === 0 && (orders[a] as number) < (orders[b] as number))
  }
}
