import { crc32 } from 'node:zlib'
import type { Digest } from '../core/cid.ts'

const KiB = 1024
/** What one checksum is of: four pages are read and checked in 4 µs, and a table of 3 MiB is enough for 4 GiB of blocks that do not compress. */
const PART_BYTES = 16 * KiB
const SLOTS = 2 ** 18
/** Two words that tell the block and the part, and the checksum. */
const SLOT_WORDS = 3
/** An odd number that spreads the parts of a block over the table (Knuth, 6.4). */
const SPREAD = 0x9e37_79b1

/**
 * Checksums of parts of blocks that rest as they are, taken when all of the block had been found to be what its digest names. A read of one page then needs no more than the part around it: its CRC-32 finds
 * what disks and memory do to bytes, as in CheckedFrames. Slots are overwritten at will: what is not found is read and checked whole.
 */
export class CheckedParts {
  readonly #words = new Uint32Array(SLOTS * SLOT_WORDS)

  /** The parts of a block of `length` bytes that hold these bytes of it. */
  around({ start, end }: { start: number; end: number }, length: number): { start: number; end: number } {
    const first = start - (start % PART_BYTES)
    return { start: first, end: Math.min(length, Math.ceil(end / PART_BYTES) * PART_BYTES) }
  }

  /** Whether the parts from byte `start` up to `end` are remembered. */
  has(digest: Digest, start: number, end: number): boolean {
    for (let at = start; at < end; at += PART_BYTES) {
      const slot = this.#slotOf(digest, at)
      if (this.#words[slot] !== wordOf(digest, 4) || this.#words[slot + 1] !== tagOf(digest, at)) return false
    }
    return true
  }

  /** Whether `bytes`, from byte `start` of the block on, are known to be the block's, all of them. */
  isSame(digest: Digest, start: number, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      const slot = this.#slotOf(digest, start + at)
      const isOf =
        this.#words[slot] === wordOf(digest, 4) && this.#words[slot + 1] === tagOf(digest, start + at)
      if (!isOf || this.#words[slot + 2] !== crc32(bytes.subarray(at, at + PART_BYTES))) return false
    }
    return true
  }

  /** `block` was found to be what its digest names. */
  add(digest: Digest, block: Uint8Array): void {
    for (let at = 0; at < block.length; at += PART_BYTES) {
      const slot = this.#slotOf(digest, at)
      this.#words[slot] = wordOf(digest, 4)
      this.#words[slot + 1] = tagOf(digest, at)
      this.#words[slot + 2] = crc32(block.subarray(at, at + PART_BYTES))
    }
  }

  #slotOf(digest: Digest, at: number): number {
    const spread = Math.imul(at / PART_BYTES, SPREAD)
    return (((wordOf(digest, 0) + spread) >>> 0) % SLOTS) * SLOT_WORDS
  }
}

const tagOf = (digest: Digest, at: number) => (wordOf(digest, 8) ^ (at / PART_BYTES)) >>> 0

function wordOf(digest: Uint8Array, at: number): number {
  const low = (digest[at] ?? 0) | ((digest[at + 1] ?? 0) << 8) | ((digest[at + 2] ?? 0) << 16)
  return (low + (digest[at + 3] ?? 0) * 2 ** 24) >>> 0
}
