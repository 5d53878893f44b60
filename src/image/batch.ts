import { BLOCK_BYTES_MAX, PAGE_BYTES } from '../core/limits.ts'
import { packedRoom } from '../core/zstd.ts'

/** Bytes of an image that are cut, hashed and compressed together: 2 MiB hide the cost of a message between threads. */
export const BATCH_BYTES = 2 * 1024 * 1024
/** Room for what the batch before left uncut, at any place in its page, and for all of it as frames. */
const SLAB_BYTES = packedRoom(BATCH_BYTES + BLOCK_BYTES_MAX + PAGE_BYTES)

/** Consecutive blocks and zero spans of an image. */
export interface Batch {
  /** Memory that the blocks lie in, shared with the workers; belongs to the batch until it is released. */
  readonly slab: Slab
  /** As in a Segment: n > 0 is a block of n bytes, n < 0 are -n zero bytes. */
  readonly spans: readonly number[]
  /** Index in the slab of each block. */
  readonly places: readonly number[]
  /** Nothing comes after it. */
  readonly last: boolean
}

export type Slab = Uint8Array<SharedArrayBuffer>

/** Memory for batches and for their frames, used again and again: what is under way bounds how much there is. */
export class SlabPool {
  readonly #free: Slab[] = []

  take(): Slab {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(SLAB_BYTES))
  }

  release(slab: Slab): void {
    this.#free.push(slab)
  }
}

/** Lengths of the blocks of a batch, in order. */
export function blockLengthsOf(spans: readonly number[]): number[] {
  return spans.filter((span) => span > 0)
}
