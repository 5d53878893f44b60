import { READ_AHEAD_BYTES_MAX, READ_AHEAD_SHARE, READ_AHEAD_STREAMS_MAX } from '../../src/core/limits.ts'

interface Stream {
  /** Where the next read of it begins. */
  nextOffset: number
  /** Bytes read one after the other so far. */
  bytes: number
  /** How far is fetched already. */
  aheadOffset: number
}

/** Consecutive bytes of a disk. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/**
 * What to fetch before it is read: of each sequence of reads a share of what it has read so far, so that what is fetched in vain stays that share of what was read. Random
 * reads fetch nothing ahead. State only.
 */
export class ReadAhead {
  readonly #size: number
  /** The one read from last is the last. */
  #streams: Stream[] = []

  constructor(init: { size: number }) {
    this.#size = init.size
  }

  /** A read; what to fetch now because of it, if anything. */
  read({ offset, length }: ByteRange): ByteRange | undefined {
    const end = offset + length
    const known = this.#streams.find((stream) => follows(stream, offset))
    if (known === undefined) {
      const begun = { nextOffset: end, bytes: length, aheadOffset: end }
      this.#streams = [...this.#streams, begun].slice(-READ_AHEAD_STREAMS_MAX)
      return undefined
    }
    known.bytes += Math.max(0, end - Math.max(offset, known.nextOffset))
    known.nextOffset = Math.max(known.nextOffset, end)
    known.aheadOffset = Math.max(known.aheadOffset, known.nextOffset)
    this.#streams = [...this.#streams.filter((stream) => stream !== known), known]
    const windowBytes = Math.min(READ_AHEAD_BYTES_MAX, Math.floor(known.bytes * READ_AHEAD_SHARE))
    const to = Math.min(this.#size, known.nextOffset + windowBytes)
    // In steps of half a window, so that not every small read fetches a little.
    if (to - known.aheadOffset < windowBytes / 2 || to <= known.aheadOffset) return undefined
    const range = { offset: known.aheadOffset, length: to - known.aheadOffset }
    known.aheadOffset = to
    return range
  }
}

/** Reads of one sequence may overtake each other a little. */
function follows(stream: Stream, offset: number): boolean {
  const apart = offset - stream.nextOffset
  return Math.abs(apart) <= Math.min(stream.bytes, READ_AHEAD_BYTES_MAX) / 2
}
