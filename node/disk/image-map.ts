import type { Digest } from '../../src/core/cid.ts'
import { InternalError } from '../../src/core/errors.ts'
import { unless } from '../../src/util/unless.ts'
import type { BringOptions, ImageSource } from './image-source.ts'
import type { SegmentCache } from './segment-cache.ts'
import { SegmentSpans } from './segment-spans.ts'

/** A block where an image has it. */
export interface PlacedBlock {
  readonly digest: Digest
  /** Bytes of the whole block. */
  readonly length: number
  /** Index of its run in the image, and its own in that run. */
  readonly run: number
  readonly index: number
}

/** Consecutive bytes of an image: of one block from `start` on, or zeros. */
export interface ImageSpan {
  readonly length: number
  readonly start: number
  readonly block: PlacedBlock | undefined
}

/** Of a read of a guest, as it came; others are not told of. */
type MapOptions = Pick<BringOptions, 'signal'> & Partial<Pick<BringOptions, 'class'>>

interface Loading {
  readonly done: Promise<SegmentSpans>
  /** Who wants it. */
  readonly reads: Set<MapOptions>
  /** It is not here: others give it. */
  waits: boolean
}

/** Where the bytes of an image are. Segments are loaded when they are asked for. */
export class ImageMap {
  readonly size: number
  readonly #source: ImageSource
  readonly #cache: SegmentCache
  /** Where each segment begins, and the end. */
  readonly #starts: Float64Array
  /** Index of the first run of each segment. */
  readonly #runs: Uint32Array
  readonly #loading = new Map<number, Loading>()
  readonly #waits: (read: object) => void

  /** `waits` is told of reads of guests, by their options, that wait for a segment which others have to give. */
  constructor(
    components: { source: ImageSource; cache: SegmentCache },
    init: { waits?: (read: object) => void } = {},
  ) {
    this.#waits = init.waits ?? (() => {})
    this.#source = components.source
    this.#cache = components.cache
    const { segments, size } = this.#source.manifest
    this.size = size
    this.#starts = new Float64Array(segments.length + 1)
    this.#runs = new Uint32Array(segments.length + 1)
    segments.forEach((link, i) => {
      this.#starts[i + 1] = (this.#starts[i] ?? 0) + link.size
      this.#runs[i + 1] = (this.#runs[i] ?? 0) + link.runs
    })
  }

  /** Spans in order, of `length` bytes together; at once where the segments are here. Errors: those of the source. */
  spans(offset: number, length: number, options: MapOptions = {}): ImageSpan[] | Promise<ImageSpan[]> {
    const spans: ImageSpan[] = []
    const end = offset + length
    for (let at = offset, index = this.#segmentAt(offset); at < end; index++) {
      const known = this.#known(index)
      if (known === undefined) return this.#loaded(offset, length, options)
      const from = this.#starts[index] ?? 0
      const to = Math.min(end, this.#starts[index + 1] ?? 0)
      this.#take(spans, known, { index, start: at - from, end: to - from })
      at = to
    }
    return spans
  }

  /** What follows is held in memory alone, so that other segments may push none of it out of the cache before it is used. */
  async #loaded(offset: number, length: number, options: MapOptions): Promise<ImageSpan[]> {
    const spans: ImageSpan[] = []
    const end = offset + length
    for (let at = offset, index = this.#segmentAt(offset); at < end; index++) {
      const known = this.#known(index) ?? (await this.#load(index, options))
      const from = this.#starts[index] ?? 0
      const to = Math.min(end, this.#starts[index + 1] ?? 0)
      this.#take(spans, known, { index, start: at - from, end: to - from })
      at = to
    }
    return spans
  }

  #take(spans: ImageSpan[], known: SegmentSpans, of: { index: number; start: number; end: number }): void {
    const { index, start, end } = of
    const firstRun = this.#runs[index] ?? 0
    for (const span of known.between(start, end)) {
      const from = Math.max(start, span.start)
      const length = Math.min(end, span.start + span.length) - from
      const { block } = span
      const placed = block && { ...block, run: firstRun + block.run }
      spans.push({ length, start: from - span.start, block: placed })
    }
  }

  #known(index: number): SegmentSpans | undefined {
    const link = this.#source.manifest.segments[index]
    if (link === undefined) throw new InternalError('a read goes past the end of an image')
    return this.#cache.get(link.digest)
  }

  /** One load for all who wait; who gives up leaves it to the others. */
  #load(index: number, options: MapOptions): Promise<SegmentSpans> {
    const loading = this.#loading.get(index) ?? this.#begin(index)
    loading.reads.add(options)
    if (loading.waits) this.#tell([options])
    const { signal } = options
    return signal === undefined ? loading.done : unless(signal, loading.done)
  }

  #begin(index: number): Loading {
    const reads = new Set<MapOptions>()
    const done = this.#fetch(index, () => {
      if (this.#loading.get(index) !== loading) return
      loading.waits = true
      this.#tell(reads)
    })
    const loading: Loading = { reads, waits: false, done: done.finally(() => this.#loading.delete(index)) }
    this.#loading.set(index, loading)
    return loading
  }

  #tell(reads: Iterable<MapOptions>): void {
    // who has given up waits no more
    for (const read of reads) if (read.class === 'guest' && read.signal?.aborted !== true) this.#waits(read)
  }

  async #fetch(index: number, waits: () => void): Promise<SegmentSpans> {
    const spans = new SegmentSpans(await this.#source.segment(index, { waits }))
    const link = this.#source.manifest.segments[index]
    if (link !== undefined) this.#cache.add(link.digest, spans)
    return spans
  }

  #segmentAt(offset: number): number {
    let low = 0
    let high = this.#starts.length - 1
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return low
  }
}
