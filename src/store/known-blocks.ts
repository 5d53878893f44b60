import type { Digest } from '../core/cid.ts'
import type { Codec } from '../core/frame.ts'
import type { Location } from './pack-entry.ts'

/** Blocks that are remembered, in 2 MiB: 1.1 GB of images in blocks of 17 KiB. */
const SLOTS = 2 ** 16
/** Slots that one digest can have: with one alone, some of the blocks of every read would push each other out. */
const WAYS = 2
/** Three words of the digest, the pack, the offset, the length and the codec, the stored bytes, their CRC-32. */
const SLOT_WORDS = 8
const SET_WORDS = WAYS * SLOT_WORDS
const PACK = 3
const OFFSET = 4
const LENGTH = 5
const STORED = 6
const CRC = 7
/** The word of the length has the codec above it, and above that whether the CRC-32 is known. */
const LENGTH_MASK = 2 ** 24 - 1
const CODEC_SHIFT = 24
const CODEC_MASK = 0x7f
const IS_CHECKED = 2 ** 31

/** Where a block is, and the CRC-32 of the stored bytes that were found to be it; undefined while none were. */
export interface KnownBlock extends Location {
  readonly crc: number | undefined
}

/**
 * Where blocks are that were read last, and what was found out of their bytes: to ask the index on the disk costs more than to read a block. Slots are overwritten at will. Places
 * end with `generation`, which grows whenever blocks move or go.
 */
export class KnownBlocks {
  readonly #words = new Uint32Array(SLOTS * SLOT_WORDS)
  #generation = 0

  find(digest: Digest, generation: number): KnownBlock | undefined {
    if (generation !== this.#generation) this.#forget(generation)
    const slot = this.#slotOf(digest)
    if (slot === undefined) return undefined
    const words = this.#words
    const length = words[slot + LENGTH] ?? 0
    return {
      pack: words[slot + PACK] ?? 0,
      offset: words[slot + OFFSET] ?? 0,
      codec: ((length >>> CODEC_SHIFT) & CODEC_MASK) as Codec,
      length: length & LENGTH_MASK,
      stored: words[slot + STORED] ?? 0,
      crc: (length & IS_CHECKED) === 0 ? undefined : words[slot + CRC],
    }
  }

  /** A block of BLOCK_BYTES_MAX at most that is not known. Takes the place of the one that came before the last of its set. */
  add(digest: Digest, { pack, offset, length, codec, stored }: Location): void {
    const slot = setOf(digest)
    const words = this.#words
    words.copyWithin(slot + SLOT_WORDS, slot, slot + SLOT_WORDS)
    words[slot] = wordOf(digest, 4)
    words[slot + 1] = wordOf(digest, 8)
    words[slot + 2] = wordOf(digest, 12)
    words[slot + PACK] = pack
    words[slot + OFFSET] = offset
    words[slot + LENGTH] = length + codec * 2 ** CODEC_SHIFT
    words[slot + STORED] = stored
  }

  /** Stored bytes with this CRC-32 are the block. */
  checked(digest: Digest, crc: number): void {
    const slot = this.#slotOf(digest)
    if (slot === undefined) return
    this.#words[slot + CRC] = crc
    this.#words[slot + LENGTH] = ((this.#words[slot + LENGTH] ?? 0) | IS_CHECKED) >>> 0
  }

  #slotOf(digest: Digest): number | undefined {
    const first = setOf(digest)
    if (this.#isAt(first, digest)) return first
    return this.#isAt(first + SLOT_WORDS, digest) ? first + SLOT_WORDS : undefined
  }

  #isAt(slot: number, digest: Digest): boolean {
    const words = this.#words
    return (
      words[slot] === wordOf(digest, 4) &&
      words[slot + 1] === wordOf(digest, 8) &&
      words[slot + 2] === wordOf(digest, 12) &&
      words[slot + STORED] !== 0
    )
  }

  #forget(generation: number): void {
    this.#generation = generation
    this.#words.fill(0)
  }
}

function setOf(digest: Digest): number {
  return (wordOf(digest, 0) % (SLOTS / WAYS)) * SET_WORDS
}

function wordOf(digest: Uint8Array, at: number): number {
  const low = (digest[at] ?? 0) | ((digest[at + 1] ?? 0) << 8) | ((digest[at + 2] ?? 0) << 16)
  return (low + (digest[at + 3] ?? 0) * 2 ** 24) >>> 0
}
