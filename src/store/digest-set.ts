import type { Digest } from '../core/cid.ts'

/**
 * A set of digests by their first 64 bits: 16 to 32 bytes each where a Set of keys takes 150. May say yes to a digest that was not added,
 * by chance once in 10^13 for a million of them; never says no to one that was.
 */
export class DigestSet {
  #slots = new Uint32Array(2 * 1024)
  #size = 0

  /** Digests that were added. */
  get size(): number {
    return this.#size
  }

  has(digest: Digest): boolean {
    const [high, low] = wordsOf(digest)
    const at = find(this.#slots, high, low)
    return this.#slots[at + 1] !== 0
  }

  /** Returns whether it is new. */
  add(digest: Digest): boolean {
    const [high, low] = wordsOf(digest)
    const at = find(this.#slots, high, low)
    if (this.#slots[at + 1] !== 0) return false
    this.#slots[at] = high
    this.#slots[at + 1] = low
    this.#size++
    if (this.#size * 4 > this.#slots.length) this.#grow()
    return true
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      const high = old[at] ?? 0
      const low = old[at + 1] ?? 0
      if (low === 0) continue
      const to = find(this.#slots, high, low)
      this.#slots[to] = high
      this.#slots[to + 1] = low
    }
  }
}

/** A low word of 0 marks a free slot, so a digest's is at least 1. */
function wordsOf(digest: Digest): [number, number] {
  return [word(digest, 0), word(digest, 4) || 1]
}

function word(digest: Digest, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

/** Index of the slot that holds the words, or of the free slot where they go. At most half of the slots are taken. */
function find(slots: Uint32Array, high: number, low: number): number {
  const mask = slots.length / 2 - 1
  for (let slot = (high ^ low) & mask; ; slot = (slot + 1) & mask) {
    const at = slot * 2
    const taken = slots[at + 1]
    if (taken === 0 || (taken === low && slots[at] === high)) return at
  }
}
