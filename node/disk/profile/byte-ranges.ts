import type { ByteRange } from '../read-ahead.ts'

interface Span {
  readonly start: number
  readonly end: number
}

/** A set of bytes of a disk, as spans in order that do not touch each other. State only. */
export class ByteRanges {
  #spans: Span[] = []
  #bytes = 0

  /** Bytes in the set. */
  get bytes(): number {
    return this.#bytes
  }

  /** Spans that are kept. */
  get count(): number {
    return this.#spans.length
  }

  /** Adds a range; what of it was not in the set before, in order. */
  add({ offset, length }: ByteRange): ByteRange[] {
    if (length <= 0) return []
    const end = offset + length
    const first = this.#firstEndingFrom(offset)
    const fresh: ByteRange[] = []
    let at = offset
    let last = first
    for (let span = this.#spans[last]; span !== undefined && span.start <= end; span = this.#spans[++last]) {
      if (span.start > at) fresh.push({ offset: at, length: span.start - at })
      at = Math.max(at, span.end)
    }
    if (at < end) fresh.push({ offset: at, length: end - at })
    const start = Math.min(offset, this.#spans[first]?.start ?? offset)
    this.#spans.splice(first, last - first, { start, end: Math.max(at, end) })
    for (const { length } of fresh) this.#bytes += length
    return fresh
  }

  /** Bytes of a range that are in the set. */
  overlap({ offset, length }: ByteRange): number {
    const end = offset + length
    let bytes = 0
    for (let i = this.#firstEndingFrom(offset); i < this.#spans.length; i++) {
      const span = this.#spans[i]
      if (span === undefined || span.start >= end) break
      bytes += Math.max(0, Math.min(end, span.end) - Math.max(offset, span.start))
    }
    return bytes
  }

  /** Index of the first span that ends at an offset or behind it. */
  #firstEndingFrom(offset: number): number {
    let low = 0
    let high = this.#spans.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#spans[middle]?.end ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
