import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { Segment } from '../core/segment.ts'

/** Bytes of a stretch at most. */
export const STRETCH_BYTES_MAX = RUN_BYTES_MAX
/** Zero spans shorter than this are part of a stretch: a write costs more than copying so many zeros. */
const ZEROS_APART_BYTES = 64 * 1024

/** Blocks of a stretch in flat arrays: many stretches are kept, and objects for each block would be much memory. */
export interface StretchBlocks {
  /** One after the other. */
  readonly digests: Uint8Array
  readonly lengths: Uint32Array
  /** Index in the stretch of the first byte of each; in order. */
  readonly places: Uint32Array
}

/** Consecutive bytes of a segment that are opened and sent together: blocks and short zero spans, or one long zero span. */
export interface Stretch {
  /** Offset in the segment of the first byte. */
  readonly offset: number
  /** Bytes; more than STRETCH_BYTES_MAX only when all are zeros. */
  readonly size: number
  /** Undefined when all bytes are zeros. */
  readonly blocks: StretchBlocks | undefined
}

/** Cuts a segment into stretches; always in the same way, so that readers of any range share them. */
export function stretchesOf(segment: Segment): Stretch[] {
  const stretches: Stretch[] = []
  let open = new OpenStretch()
  let offset = 0
  const close = () => {
    if (open.size > 0) stretches.push({ offset, size: open.size, blocks: open.blocks() })
    offset += open.size
    open = new OpenStretch()
  }
  let next = 0
  for (const span of segment.spans) {
    const length = Math.abs(span)
    const apart = span < 0 && length >= ZEROS_APART_BYTES
    if (apart || open.size + length > STRETCH_BYTES_MAX) close()
    if (span > 0) open.add(segment.digests[next++] as Digest, length)
    open.size += length
    if (apart) close()
  }
  close()
  return stretches
}

class OpenStretch {
  size = 0
  readonly #digests: Digest[] = []
  readonly #lengths: number[] = []
  readonly #places: number[] = []

  /** Adds a block where the stretch ends; its bytes are counted by the caller. */
  add(digest: Digest, length: number): void {
    this.#digests.push(digest)
    this.#lengths.push(length)
    this.#places.push(this.size)
  }

  blocks(): StretchBlocks | undefined {
    if (this.#digests.length === 0) return undefined
    const digests = new Uint8Array(this.#digests.length * DIGEST_BYTES)
    this.#digests.forEach((digest, i) => {
      digests.set(digest, i * DIGEST_BYTES)
    })
    return { digests, lengths: Uint32Array.from(this.#lengths), places: Uint32Array.from(this.#places) }
  }
}
