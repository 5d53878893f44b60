import type { Digest } from '../core/cid.ts'

const SLOTS_FIRST = 4096
/** Slots for a block: three of four are taken at the most. */
const ROOM = 4 / 3
/** Slots that are looked at for one digest: of a million, by chance none needs more. Heads that somebody has made alike fill them, and cost no more than that: what finds no slot cannot be found. */
const PROBES_MAX = 512

/**
 * A number for each digest, in 8 bytes a slot: what is found is a guess, since the table keeps four bytes of the digest. Open addressing with linear probing; it grows with what it holds.
 */
export class DigestTable {
  readonly #digestsMax: number
  #heads = new Uint32Array(SLOTS_FIRST)
  /** Numbers plus one; 0 is an empty slot. */
  #numbers = new Uint32Array(SLOTS_FIRST)
  #count = 0

  constructor(init: { digestsMax: number }) {
    this.#digestsMax = init.digestsMax
  }

  /** Digests that it holds. */
  get count(): number {
    return this.#count
  }

  /** Past `digestsMax` it takes no more. */
  add(digest: Digest, number: number): void {
    if (this.#count >= this.#digestsMax) return
    if (this.#count * ROOM >= this.#heads.length) this.#grow()
    if (this.#put(headOf(digest), number + 1)) this.#count++
  }

  /** Numbers of digests that may be this one, most likely none or one. */
  find(digest: Digest): number[] {
    const head = headOf(digest)
    const found: number[] = []
    const slots = this.#heads.length
    let at = slotOf(head, slots)
    for (let probes = 0; probes < PROBES_MAX; probes++) {
      const number = this.#numbers[at] ?? 0
      if (number === 0) break
      if (this.#heads[at] === head) found.push(number - 1)
      at = at + 1 === slots ? 0 : at + 1
    }
    return found
  }

  #put(head: number, number: number): boolean {
    const slots = this.#heads.length
    let at = slotOf(head, slots)
    for (let probes = 0; probes < PROBES_MAX; probes++) {
      if (this.#numbers[at] === 0) {
        this.#heads[at] = head
        this.#numbers[at] = number
        return true
      }
      at = at + 1 === slots ? 0 : at + 1
    }
    return false
  }

  #grow(): void {
    const [heads, numbers] = [this.#heads, this.#numbers]
    const slots = Math.min(2 * heads.length, Math.ceil(this.#digestsMax * ROOM) + 1)
    this.#heads = new Uint32Array(slots)
    this.#numbers = new Uint32Array(slots)
    this.#count = 0
    for (const [i, number] of numbers.entries())
      if (number !== 0 && this.#put(heads[i] ?? 0, number)) this.#count++
  }
}

/** Digests are as good as random: their first bytes spread them. */
function headOf(digest: Digest): number {
  return (
    (((digest[0] ?? 0) << 24) | ((digest[1] ?? 0) << 16) | ((digest[2] ?? 0) << 8) | (digest[3] ?? 0)) >>> 0
  )
}

const slotOf = (head: number, slots: number) => Math.floor((head / 2 ** 32) * slots)
