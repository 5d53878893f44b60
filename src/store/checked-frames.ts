import { crc32 } from 'node:zlib'
import type { Digest } from '../core/cid.ts'
import type { Frame } from '../core/frame.ts'

/** Frames that are remembered: 16 GB of images in blocks of 17 KiB. */
const SLOTS = 2 ** 20
/** Three words of a digest and a checksum. */
const SLOT_WORDS = 4

/**
 * Checksums of stored frames that were found to be their blocks since this process began, in memory that threads share. sha-256 of a
 * block is a third of the cost of sending it, so a frame is hashed when it is read for the first time, and later its stored bytes are compared
 * with what they were then: CRC-32, which finds what disks and memory do to bytes. Slots are overwritten at will, by
 * several threads at once too: what is not found, or found in pieces, is hashed again.
 */
export class CheckedFrames {
  readonly memory: SharedArrayBuffer
  readonly #words: Uint32Array

  constructor(memory = new SharedArrayBuffer(SLOTS * SLOT_WORDS * 4)) {
    this.memory = memory
    this.#words = new Uint32Array(memory)
  }

  /** The checksum of a frame's stored bytes, and whether it is the one of the frame that was checked. */
  look({ digest, bytes }: Frame): { crc: number; isChecked: boolean } {
    const crc = crc32(bytes)
    return { crc, isChecked: this.isSame(digest, crc) }
  }

  /** Whether the frame that was checked has this checksum. */
  isSame(digest: Digest, crc: number): boolean {
    const at = this.#slotOf(digest)
    const words = this.#words
    return (
      words[at] === wordOf(digest, 4) &&
      words[at + 1] === wordOf(digest, 8) &&
      words[at + 2] === wordOf(digest, 12) &&
      words[at + 3] === crc
    )
  }

  /** The frame with these stored bytes is the block that its digest names. */
  add({ digest }: Pick<Frame, 'digest'>, crc: number): void {
    const at = this.#slotOf(digest)
    this.#words[at] = wordOf(digest, 4)
    this.#words[at + 1] = wordOf(digest, 8)
    this.#words[at + 2] = wordOf(digest, 12)
    this.#words[at + 3] = crc
  }

  #slotOf(digest: Uint8Array): number {
    return (wordOf(digest, 0) % (this.#words.length / SLOT_WORDS)) * SLOT_WORDS
  }
}

/** Without a view of the bytes: it would be garbage for every frame. */
function wordOf(digest: Uint8Array, at: number): number {
  const low = (digest[at] ?? 0) | ((digest[at + 1] ?? 0) << 8) | ((digest[at + 2] ?? 0) << 16)
  return (low + (digest[at + 3] ?? 0) * 2 ** 24) >>> 0
}
