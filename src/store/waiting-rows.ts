import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import type { Codec } from '../core/frame.ts'
import type { Location } from './pack-entry.ts'

const FIELDS = 5

/** Rows of the index that are not in its table yet. In flat arrays: a pull makes tens of thousands a second, and objects would live long enough to be costly garbage. */
export class WaitingRows {
  /** Hash table of row number + 1; at most half full. */
  #slots = new Uint32Array(2048)
  #digests = Buffer.alloc(1024 * DIGEST_BYTES)
  #fields = new Float64Array(1024 * FIELDS)
  #storedBytes = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Sum of `stored`. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  find(digest: Digest): Location | undefined {
    if (this.#size === 0) return undefined
    const row = (this.#slots[this.#slot(digest)] ?? 0) - 1
    return row < 0 ? undefined : this.at(row)
  }

  has(digest: Digest): boolean {
    return this.#size > 0 && this.#slots[this.#slot(digest)] !== 0
  }

  /** Adds a row whose digest is not there yet. The digest is copied: it may be a view of a whole run. */
  add(digest: Digest, { pack, offset, codec, length, stored }: Location): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    const row = this.#size++
    this.#digests.set(digest, row * DIGEST_BYTES)
    this.#fields.set([pack, offset, codec, length, stored], row * FIELDS)
    this.#slots[this.#slot(digest)] = row + 1
    this.#storedBytes += stored
  }

  /** Numbers of all rows, in the order of their digests, about: by the first 32 bits. */
  sorted(): number[] {
    const keys = new Float64Array(this.#size)
    for (let row = 0; row < this.#size; row++) {
      keys[row] = this.#digests.readUInt32BE(row * DIGEST_BYTES) * 2 ** 20 + row
    }
    return Array.from(keys.sort(), (key) => key % 2 ** 20)
  }

  digestAt(row: number): Digest {
    return this.#digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES)
  }

  at(row: number): Location {
    const at = row * FIELDS
    const [pack = 0, offset = 0, codec = 0, length = 0, stored = 0] = this.#fields.subarray(at, at + FIELDS)
    return { pack, offset, codec: codec as Codec, length, stored }
  }

  clear(): void {
    this.#slots.fill(0)
    this.#size = 0
    this.#storedBytes = 0
  }

  /** The slot of this digest, or the free one where it goes. */
  #slot(digest: Digest): number {
    const mask = this.#slots.length - 1
    const [a = 0, b = 0, c = 0, d = 0] = digest
    for (let slot = (a | (b << 8) | (c << 16) | (d << 24)) & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#slots[slot] ?? 0) - 1
      if (row < 0) return slot
      const at = row * DIGEST_BYTES
      if (this.#digests.compare(digest, 0, DIGEST_BYTES, at, at + DIGEST_BYTES) === 0) return slot
    }
  }

  #grow(): void {
    const digests = Buffer.alloc(this.#digests.length * 2)
    digests.set(this.#digests)
    const fields = new Float64Array(this.#fields.length * 2)
    fields.set(this.#fields)
    this.#digests = digests
    this.#fields = fields
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let row = 0; row < this.#size; row++) this.#slots[this.#slot(this.digestAt(row))] = row + 1
  }
}
