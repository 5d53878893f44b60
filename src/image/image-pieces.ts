import type { Digest } from '../core/cid.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { PlacedSegment } from './manifest-walk.ts'

/** Parts in a piece at most: bounds what a manifest of tiny blocks makes us hold. */
const PARTS_MAX = 2048

/** Bytes from `start` up to, not including, `end`. */
export interface ImageRange {
  readonly start: number
  readonly end: number
}

/** A block or a zero span and its place in the image. */
export type Part =
  | { readonly offset: number; readonly length: number; readonly digest: Digest }
  | { readonly offset: number; readonly length: number; readonly digest: undefined }

/** Parts that are fetched and opened together: blocks of up to RUN_BYTES_MAX, and the zero spans between them. */
export type ImagePiece = readonly Part[]

/** The pieces of a walked manifest that hold bytes of `range`. Blocks are whole, zero spans are cut to the range. */
export async function* piecesOf(
  segments: AsyncIterable<PlacedSegment>,
  range: ImageRange,
): AsyncGenerator<ImagePiece> {
  let piece: Part[] = []
  let bytes = 0
  for await (const placed of segments) {
    for (const part of partsOf(placed, range)) {
      const full = part.digest !== undefined && bytes + part.length > RUN_BYTES_MAX
      if (full || piece.length === PARTS_MAX) {
        yield piece
        piece = []
        bytes = 0
      }
      piece.push(part)
      if (part.digest !== undefined) bytes += part.length
    }
  }
  if (piece.length > 0) yield piece
}

function* partsOf({ offset: first, segment }: PlacedSegment, { start, end }: ImageRange): Generator<Part> {
  let offset = first
  let block = 0
  for (const span of segment.spans) {
    const length = Math.abs(span)
    const digest = span > 0 ? segment.digests[block++] : undefined
    const from = Math.max(offset, start)
    const to = Math.min(offset + length, end)
    if (to > from) {
      if (digest === undefined) yield { offset: from, length: to - from, digest }
      else yield { offset, length, digest }
    }
    offset += length
  }
}
