import type { ChunkerParameters } from '../core/manifest.ts'

/** Bytes that lie one after the other in an image. */
export interface Piece {
  readonly bytes: Uint8Array
  /**
   * Index of the first byte that is not cut yet: the place of a cut. Index i of `bytes` lies at an offset of the image that is
   * congruent to i modulo PAGE_BYTES, and `bytes.byteOffset` is a multiple of PAGE_BYTES.
   */
  readonly start: number
  readonly end: number
  /** A hole or the end of the image follows: everything up to `end` is to be cut. */
  readonly last: boolean
}

/**
 * Cuts an image into blocks and zero spans (docs/specs/manifest-v1.md). Keeps no state between calls, so the cuts do not
 * depend on the sizes of the pieces.
 */
export interface Chunker {
  /** Name and parameters, as the manifest carries them. */
  readonly parameters: ChunkerParameters
  /**
   * Appends to `spans` what it is sure of: n > 0 is a block of n bytes, n < 0 are -n zero bytes. Returns the index up to
   * which it cut; what is left is to be given again, with more bytes behind it.
   */
  cut(piece: Piece, spans: number[]): number
}

/** Adds zero bytes to the zero span at the end of `spans`, or a new one. */
export function addZeros(spans: number[], length: number): void {
  const last = spans.length - 1
  const before = spans[last]
  if (before !== undefined && before < 0) spans[last] = before - length
  else spans.push(-length)
}
