import { digestOf } from '../core/digest.ts'
import { BLOCK_BYTES_MAX, PAGE_BYTES } from '../core/limits.ts'
import type { ChunkerParameters } from '../core/manifest.ts'
import { addZeros, type Chunker, type Piece } from './chunker.ts'
import { isZeroPage, isZeroRange, wordsOf } from './zero-pages.ts'

export interface GearInit {
  minBytes?: number
  /** Wanted average; a power of two, at least 1 KiB. */
  avgBytes?: number
  maxBytes?: number
}

/** Bits by which a cut is rarer before the average and more frequent after it (FastCDC's normalisation). */
const NORMALISATION_BITS = 2
const GEAR = gearTable()

/**
 * Content-defined chunker for byte streams without pages: archives and compressed images. FastCDC with a gear hash of
 * 32 bits. Whole zero pages (at page offsets of the image) are spans here too, and end the block before them.
 */
export class GearChunker implements Chunker {
  readonly parameters: ChunkerParameters
  readonly #minBytes: number
  readonly #avgBytes: number
  readonly #maxBytes: number

  constructor(init: GearInit = {}) {
    this.#minBytes = init.minBytes ?? PAGE_BYTES
    this.#avgBytes = init.avgBytes ?? 4 * PAGE_BYTES
    this.#maxBytes = init.maxBytes ?? BLOCK_BYTES_MAX
    const parameters = { avg: this.#avgBytes, max: this.#maxBytes, min: this.#minBytes, page: PAGE_BYTES }
    this.parameters = { name: 'gear', parameters }
  }

  cut(piece: Piece, spans: number[]): number {
    const pages = new DataScan(piece)
    let at = piece.start
    while (at < piece.end) {
      const zeros = pages.zerosAt(at)
      if (zeros > 0) {
        addZeros(spans, zeros)
        at += zeros
        continue
      }
      const dataEnd = pages.dataEnd(at, this.#maxBytes)
      if (dataEnd === undefined) break
      const next = this.#nextCut(piece.bytes, at, dataEnd)
      spans.push(next - at)
      at = next
    }
    return at
  }

  /** End of the block that begins at `at`; `end` is a cut in any case. */
  #nextCut(bytes: Uint8Array, at: number, end: number): number {
    const bits = Math.log2(this.#avgBytes)
    const rare = 32 - (bits + NORMALISATION_BITS)
    const often = 32 - (bits - NORMALISATION_BITS)
    const normal = Math.min(end, at + this.#avgBytes)
    let i = Math.min(end, at + this.#minBytes)
    let h = 0
    for (; i < normal; i++) {
      h = ((h << 1) + (GEAR[bytes[i] as number] as number)) | 0
      if (h >>> rare === 0) return i + 1
    }
    for (; i < end; i++) {
      h = ((h << 1) + (GEAR[bytes[i] as number] as number)) | 0
      if (h >>> often === 0) return i + 1
    }
    return end
  }
}

/** Finds zero pages ahead of a position that only grows, looking at each page once. */
class DataScan {
  readonly #piece: Piece
  readonly #words: Int32Array
  /** Pages below it and at or above the last asked position hold data. */
  #scanned: number

  constructor(piece: Piece) {
    this.#piece = piece
    this.#words = wordsOf(piece.bytes)
    this.#scanned = pageUp(piece.start)
  }

  /** Length of the zero page at `at`, or 0. A partial page counts at the end of the image only. */
  zerosAt(at: number): number {
    if (at % PAGE_BYTES !== 0 || at < this.#scanned) return 0
    const { bytes, end, last } = this.#piece
    if (at + PAGE_BYTES <= end) return isZeroPage(this.#words, at >> 2) ? PAGE_BYTES : 0
    return last && isZeroRange(bytes, { start: at, end }) ? end - at : 0
  }

  /** Where a block from `at` ends at the latest; undefined when that depends on bytes that are not there yet. */
  dataEnd(at: number, maxBytes: number): number | undefined {
    const { end, last } = this.#piece
    const limit = at + maxBytes
    this.#scanned = Math.max(this.#scanned, pageUp(at))
    while (this.#scanned < limit) {
      if (this.#scanned + PAGE_BYTES > end && !last) return undefined
      if (this.#scanned >= end) return end
      if (this.zerosAt(this.#scanned) > 0) return this.#scanned
      this.#scanned += PAGE_BYTES
    }
    return Math.min(limit, end)
  }
}

function pageUp(at: number): number {
  return Math.ceil(at / PAGE_BYTES) * PAGE_BYTES
}

/** Entry i is the first four bytes, little-endian, of the sha-256 of the text `bootswarm/gear/1/` and i in decimal. */
function gearTable(): Int32Array {
  const table = new Int32Array(256)
  for (let i = 0; i < table.length; i++) {
    table[i] = Buffer.from(digestOf(Buffer.from(`bootswarm/gear/1/${i}`))).readInt32LE(0)
  }
  return table
}
