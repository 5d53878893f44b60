import { DIGEST_BYTES, type Digest } from '../../src/core/cid.ts'
import { runsOf, type Segment } from '../../src/core/segment.ts'

const ZEROS = -1

/** A block as a place of one segment. */
export interface BlockOfSegment {
  readonly digest: Digest
  readonly length: number
  /** Index of its run in the segment, and its own in that run. */
  readonly run: number
  readonly index: number
}

/** Part of a segment: a block, or a span of zeros. */
export interface SpanOfSegment {
  /** Offset in the segment, and bytes. */
  readonly start: number
  readonly length: number
  readonly block: BlockOfSegment | undefined
}

/** The spans of one segment by their offsets, in about 50 KB. */
export class SegmentSpans {
  readonly size: number
  /** Where each span begins, and the end. */
  readonly #starts: Float64Array
  /** For each span its block, or ZEROS. */
  readonly #blocks: Int16Array
  readonly #digests: Uint8Array
  /** For each block the index of its run. */
  readonly #runs: Uint16Array
  /** The first block of each run. */
  readonly #firsts: Uint16Array

  constructor(segment: Segment) {
    const { spans, digests } = segment
    this.#starts = new Float64Array(spans.length + 1)
    this.#blocks = new Int16Array(spans.length)
    this.#digests = new Uint8Array(digests.length * DIGEST_BYTES)
    let at = 0
    let block = 0
    spans.forEach((span, i) => {
      this.#starts[i] = at
      this.#blocks[i] = span < 0 ? ZEROS : block++
      at += Math.abs(span)
    })
    this.#starts[spans.length] = at
    this.size = at
    for (const [i, digest] of digests.entries()) this.#digests.set(digest, i * DIGEST_BYTES)
    const runs = runsOf(segment)
    this.#runs = new Uint16Array(digests.length)
    this.#firsts = Uint16Array.from(runs, ({ first }) => first)
    runs.forEach(({ first, count }, run) => void this.#runs.fill(run, first, first + count))
  }

  /** The spans that hold bytes from `start` up to, not including, `end`. */
  *between(start: number, end: number): Generator<SpanOfSegment> {
    for (let i = this.#at(start); i < this.#blocks.length; i++) {
      const from = this.#starts[i] ?? 0
      if (from >= end) return
      yield { start: from, length: (this.#starts[i + 1] ?? 0) - from, block: this.#block(i) }
    }
  }

  /** The span that holds an offset. */
  #at(offset: number): number {
    let low = 0
    let high = this.#blocks.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return low
  }

  #block(span: number): BlockOfSegment | undefined {
    const block = this.#blocks[span] ?? ZEROS
    if (block === ZEROS) return undefined
    const run = this.#runs[block] ?? 0
    return {
      digest: this.#digests.subarray(block * DIGEST_BYTES, (block + 1) * DIGEST_BYTES),
      length: (this.#starts[span + 1] ?? 0) - (this.#starts[span] ?? 0),
      run,
      index: block - (this.#firsts[run] ?? 0),
    }
  }
}
