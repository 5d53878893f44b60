import { crc32 } from 'node:zlib'
import type { Digest } from '../core/cid.ts'
import type { Frame } from '../core/frame.ts'

/** Frames that are remembered at most: 16 GB of images in blocks of 17 KiB, in 20 MiB. */
const SLOTS_MAX = 2 ** 20
/** ... and at first, in 320 KiB. The table doubles when half of its slots are taken: every page of it is in use from its first thousands of frames on. */
const SLOTS_MIN = 2 ** 14
/** Three words of a digest, a checksum, and the word of the digest that says which slot it has. */
const SLOT_WORDS = 5
/** Before the slots: how many of them are taken. */
const HEAD_WORDS = 1

/**
 * Checksums of stored frames that were found to be their blocks since this process began, in memory that threads share. sha-256 of a
 * block is a third of the cost of sending it, so a frame is hashed when it is read for the first time, and later its stored bytes are compared
 * with what they were then: CRC-32, which finds what disks and memory do to bytes. Slots are overwritten at will, by
 * several threads at once too: what is not found, or found in pieces, is hashed again.
 */
export class CheckedFrames {
  #words: Uint32Array<SharedArrayBuffer>
  readonly #slotsMax: number

  /** @param init `memory` of another thread's, which alone replaces it by a larger one. */
  constructor(init: { memory?: SharedArrayBuffer; slotsMin?: number; slotsMax?: number } = {}) {
    const { memory = memoryOf(init.slotsMin ?? SLOTS_MIN), slotsMax = SLOTS_MAX } = init
    this.#words = new Uint32Array(memory)
    this.#slotsMax = init.memory === undefined ? slotsMax : 0
  }

  /** To be given to other threads with every request, since it is another one when the table has grown. */
  get memory(): SharedArrayBuffer {
    this.#grow()
    return this.#words.buffer
  }

  /** The checksum of a frame's stored bytes, and whether it is the one of the frame that was checked. */
  look({ digest, bytes }: Frame): { crc: number; isChecked: boolean } {
    const crc = crc32(bytes)
    return { crc, isChecked: this.isSame(digest, crc) }
  }

  /** Whether the frame that was checked has this checksum. */
  isSame(digest: Digest, crc: number): boolean {
    const at = this.#slotOf(wordOf(digest, 0))
    const words = this.#words
    return (
      words[at] === wordOf(digest, 4) &&
      words[at + 1] === wordOf(digest, 8) &&
      words[at + 2] === wordOf(digest, 12) &&
      words[at + 3] === crc &&
      words[at + 4] === wordOf(digest, 0)
    )
  }

  /** The frame with these stored bytes is the block that its digest names. */
  add({ digest }: Pick<Frame, 'digest'>, crc: number): void {
    this.#grow()
    const at = this.#slotOf(wordOf(digest, 0))
    const words = this.#words
    if (isFree(words, at)) Atomics.add(words, 0, 1)
    words[at] = wordOf(digest, 4)
    words[at + 1] = wordOf(digest, 8)
    words[at + 2] = wordOf(digest, 12)
    words[at + 3] = crc
    words[at + 4] = wordOf(digest, 0)
  }

  get #slots(): number {
    return (this.#words.length - HEAD_WORDS) / SLOT_WORDS
  }

  #slotOf(word: number): number {
    return HEAD_WORDS + (word % this.#slots) * SLOT_WORDS
  }

  /** Takes everything along into a table of twice the size when half of this one is taken. What other threads add to this one meanwhile is hashed again. */
  #grow(): void {
    const slots = this.#slots
    const old = this.#words
    if (2 * slots > this.#slotsMax || 2 * Atomics.load(old, 0) < slots) return
    this.#words = new Uint32Array(memoryOf(2 * slots))
    const words = this.#words
    let taken = 0
    for (let from = HEAD_WORDS; from < old.length; from += SLOT_WORDS) {
      if (isFree(old, from)) continue
      const to = this.#slotOf(old[from + 4] ?? 0)
      // word by word: a view of each slot takes longer than all of this, on the thread that all wait for
      for (let i = 0; i < SLOT_WORDS; i++) words[to + i] = old[from + i] ?? 0
      taken++
    }
    words[0] = taken
  }
}

const memoryOf = (slots: number) => new SharedArrayBuffer((HEAD_WORDS + slots * SLOT_WORDS) * 4)

/** Digests and checksums are never all zeros. */
const isFree = (words: Uint32Array, at: number) =>
  words[at] === 0 && words[at + 1] === 0 && words[at + 3] === 0

/** Without a view of the bytes: it would be garbage for every frame. */
function wordOf(digest: Uint8Array, at: number): number {
  const low = (digest[at] ?? 0) | ((digest[at + 1] ?? 0) << 8) | ((digest[at + 2] ?? 0) << 16)
  return (low + (digest[at + 3] ?? 0) * 2 ** 24) >>> 0
}
