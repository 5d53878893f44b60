import type { Digest } from '../core/cid.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { Segment } from '../core/segment.ts'

/** Bytes of a stretch at most. */
export const STRETCH_BYTES_MAX = RUN_BYTES_MAX
/** Zero spans shorter than this are part of a stretch: a write costs more than copying so many zeros. */
const ZEROS_APART_BYTES = 64 * 1024

/** A block and its place in a stretch. */
export interface StretchBlock {
  readonly digest: Digest
  readonly length: number
  /** Index of its first byte in the stretch. */
  readonly place: number
}

/** Consecutive bytes of a segment that are opened and sent together: blocks and short zero spans, or one long zero span. */
export interface Stretch {
  /** Offset in the segment of the first byte. */
  readonly offset: number
  /** Bytes; more than STRETCH_BYTES_MAX only when all are zeros. */
  readonly size: number
  /** In order; none when all bytes are zeros. */
  readonly blocks: readonly StretchBlock[]
}

/** Cuts a segment into stretches; always in the same way, so that readers of any range share them. */
export function stretchesOf(segment: Segment): Stretch[] {
  const stretches: Stretch[] = []
  let blocks: StretchBlock[] = []
  let size = 0
  let offset = 0
  const close = () => {
    if (size > 0) stretches.push({ offset, size, blocks })
    offset += size
    size = 0
    blocks = []
  }
  let next = 0
  for (const span of segment.spans) {
    const length = Math.abs(span)
    const apart = span < 0 && length >= ZEROS_APART_BYTES
    if (apart || size + length > STRETCH_BYTES_MAX) close()
    if (span > 0) blocks.push({ digest: segment.digests[next++] as Digest, length, place: size })
    size += length
    if (apart) close()
  }
  close()
  return stretches
}
