import { PAGE_BYTES } from '../core/limits.ts'
import { BATCH_BYTES, type Batch, type Slab, type SlabPool } from './batch.ts'
import { addZeros, type Chunker } from './chunker.ts'
import { type ChunkerChoice, chooseChunker } from './chunkers.ts'
import type { ImageSource } from './image-source.ts'
import { SNIFF_BYTES } from './sniff.ts'

/** Zero bytes that a batch may hold before it goes on without being full, so that hashing begins early. */
const BATCH_ZEROS_MAX = 256 * 1024 * 1024
/** Less room than this is not worth a read. */
const ROOM_MIN = 64 * 1024

export interface ReadInit {
  readonly source: ImageSource
  readonly choice: ChunkerChoice
  readonly slabs: SlabPool
  /** Offset in the image of the first byte of the source: the place of a cut. */
  readonly offset?: number
}

export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** Called once, before the first batch. */
  onChunker(chunker: Chunker): void
}

/** Reads and cuts an image. The batches, and so the manifest, do not depend on how much the source gives at once. */
export async function* readBatches(init: ReadInit, options: ReadOptions): AsyncGenerator<Batch> {
  const { source, slabs, offset = 0 } = init
  const cutter = new BatchCutter(slabs, offset)
  const call = options.signal === undefined ? {} : { signal: options.signal }
  let chunker: Chunker | undefined
  const choose = (): Chunker => {
    if (chunker !== undefined) return chunker
    chunker = chooseChunker(init.choice, cutter.head())
    options.onChunker(chunker)
    return chunker
  }
  for (;;) {
    const step = await source.next(cutter.room(), call)
    if (step.kind === 'data') {
      cutter.grow(step.bytes)
      if (!cutter.full) continue
      cutter.cut(choose(), false)
      yield cutter.take(false)
    } else {
      cutter.cut(choose(), true)
      if (step.kind === 'end') break
      cutter.zeros(step.bytes)
      if (cutter.full) yield cutter.take(false)
    }
  }
  yield cutter.take(true)
}

/** Fills a slab, cuts it, and carries what is not cut over to the next. */
class BatchCutter {
  readonly #slabs: SlabPool
  #slab: Slab
  #spans: number[] = []
  #places: number[] = []
  /** Cut up to here. */
  #start = 0
  /** Filled up to here. */
  #end = 0
  #zeroBytes = 0

  constructor(slabs: SlabPool, offset: number) {
    this.#slabs = slabs
    this.#slab = slabs.take()
    this.#start = offset % PAGE_BYTES
    this.#end = this.#start
  }

  get full(): boolean {
    return this.#end > BATCH_BYTES - ROOM_MIN || this.#zeroBytes > BATCH_ZEROS_MAX
  }

  room(): Slab {
    return this.#slab.subarray(this.#end, Math.max(BATCH_BYTES, this.#end + ROOM_MIN))
  }

  head(): Uint8Array {
    return this.#slab.subarray(0, Math.min(SNIFF_BYTES, this.#end))
  }

  grow(bytes: number): void {
    this.#end += bytes
  }

  zeros(bytes: number): void {
    addZeros(this.#spans, bytes)
    this.#zeroBytes += bytes
  }

  cut(chunker: Chunker, last: boolean): void {
    const spans: number[] = []
    const end = chunker.cut({ bytes: this.#slab, start: this.#start, end: this.#end, last }, spans)
    let place = this.#start
    for (const span of spans) {
      if (span < 0) this.zeros(-span)
      else {
        this.#spans.push(span)
        this.#places.push(place)
      }
      place += Math.abs(span)
    }
    this.#start = end
  }

  /** What was cut, with its slab. The rest moves to a new slab, to the same place in its page. */
  take(last: boolean): Batch {
    const batch = { slab: this.#slab, spans: this.#spans, places: this.#places, last }
    const rest = this.#slab.subarray(this.#start, this.#end)
    const start = this.#start % PAGE_BYTES
    if (!last) this.#slab = this.#slabs.take()
    this.#slab.set(last ? [] : rest, start)
    this.#spans = []
    this.#places = []
    this.#start = start
    this.#end = start + rest.length
    this.#zeroBytes = 0
    return batch
  }
}
