import { BLOCK_BYTES_MAX, PAGE_BYTES } from '../core/limits.ts'
import type { ChunkerParameters } from '../core/manifest.ts'
import { addZeros, type Chunker, type Piece } from './chunker.ts'
import { endsInZeros, isZeroPage, isZeroRange, wordsOf } from './zero-pages.ts'

export interface PageTailInit {
  /** Largest block in bytes, a multiple of PAGE_BYTES. */
  maxBytes?: number
  /** One page in so many ends a block by its hash; a power of two. */
  oneIn?: number
}

/** Default of `oneIn`: docs/decisions/0003 has the figures. */
const ONE_IN = 32

/**
 * Chunker for disk images. File systems align files to pages and pad the last page of a file with zeros: cuts after every
 * page whose last 32 bytes are zero, around zero pages, after pages that a hash picks, and at most after `maxBytes`.
 */
export class PageTailChunker implements Chunker {
  readonly parameters: ChunkerParameters
  readonly #maxBytes: number
  readonly #shift: number

  constructor(init: PageTailInit = {}) {
    const { maxBytes = BLOCK_BYTES_MAX, oneIn = ONE_IN } = init
    this.parameters = {
      name: 'page-tail',
      parameters: { max: maxBytes, one_in: oneIn, page: PAGE_BYTES, tail: 32 },
    }
    this.#maxBytes = maxBytes
    this.#shift = 32 - Math.log2(oneIn)
  }

  cut(piece: Piece, spans: number[]): number {
    const { bytes, start, end, last } = piece
    const words = wordsOf(bytes)
    const pagesEnd = end - ((end - start) % PAGE_BYTES)
    let open = start
    for (let at = start; at < pagesEnd; at += PAGE_BYTES) {
      const tail = endsInZeros(words, at >> 2)
      if (tail && isZeroPage(words, at >> 2)) {
        if (at > open) spans.push(at - open)
        addZeros(spans, PAGE_BYTES)
        open = at + PAGE_BYTES
      } else if (tail || at + PAGE_BYTES - open >= this.#maxBytes || this.#picks(bytes, at)) {
        spans.push(at + PAGE_BYTES - open)
        open = at + PAGE_BYTES
      }
    }
    return last ? finish(bytes, { open, pagesEnd, end }, spans) : open
  }

  #picks(bytes: Uint8Array, at: number): boolean {
    return pageHash(bytes, at) >>> this.#shift === 0
  }
}

/**
 * Hash of eight little-endian words spread over the page at `at`: says whether the page ends a block. Eight zero words hash to 0,
 * which does: mostly empty pages (inode tables, directories, bitmaps) change one by one. That is worth 2.7 % of commonality.
 */
function pageHash(bytes: Uint8Array, at: number): number {
  let h = 0
  for (let i = at + 252; i < at + PAGE_BYTES; i += 512) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    h = Math.imul((h ^ word) >>> 0, 0x9e3779b1)
    h ^= h >>> 15
  }
  return Math.imul(h, 0x85ebca6b)
}

/** The last pages of a piece: a block, and the partial page of an image whose size is no multiple of a page. */
function finish(
  bytes: Uint8Array,
  at: { open: number; pagesEnd: number; end: number },
  spans: number[],
): number {
  const { open, pagesEnd, end } = at
  const zero = end > pagesEnd && isZeroRange(bytes, { start: pagesEnd, end })
  const blockEnd = zero ? pagesEnd : end
  if (blockEnd > open) spans.push(blockEnd - open)
  if (zero) addZeros(spans, end - pagesEnd)
  return end
}
