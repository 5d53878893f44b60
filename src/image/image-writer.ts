import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, digestOf } from '../core/cid.ts'
import { LimitError } from '../core/errors.ts'
import { CODEC_RAW, type Frame } from '../core/frame.ts'
import { IMAGE_BYTES_MAX, MANIFEST_BYTES_MAX, SEGMENTS_MAX } from '../core/limits.ts'
import { encodeManifest, type Manifest, type SegmentLink } from '../core/manifest.ts'
import { encodeSegment, runsOf, type Segment, SegmentBuilder, segmentSize } from '../core/segment.ts'
import type { Slab, SlabPool } from './batch.ts'
import type { ImportMeter } from './import-progress.ts'
import type { PackedBatch } from './import-stages.ts'

/** Stored bytes in one call of `put`: large enough to hide a round trip, small enough to be resumed and to be one request. */
const PUT_BYTES = 3.5 * 1024 * 1024

/** What a writer holds at most. */
export interface WriterBounds {
  /** Batches in one call of `put`: those of well packed or known blocks would hold much memory otherwise. */
  readonly putSlabsMax: number
  /** Calls of `put` under way. */
  readonly putsMax: number
  /** Segment nodes that wait for their blocks to be durable. */
  readonly nodesMax: number
}

export interface ImageWriterInit {
  readonly meter: ImportMeter
  readonly call: CallOptions
  readonly bounds: WriterBounds
  /** Segments before the first that is written. */
  readonly before: readonly SegmentLink[]
  /** Told of segments that are durable with their blocks, in order; the last of an image comes when all is written. */
  readonly onSegments?: ((segments: readonly SegmentLink[]) => Promise<void>) | undefined
}

/** Puts blocks, then the segments that name them, then the manifest. */
export class ImageWriter {
  readonly #sink: Pick<BlockStore, 'has' | 'put'>
  readonly #slabs: SlabPool
  readonly #meter: ImportMeter
  readonly #call: CallOptions
  readonly #bounds: WriterBounds
  readonly #onSegments: ImageWriterInit['onSegments']
  readonly #builder = new SegmentBuilder()
  readonly #links: SegmentLink[]
  /** Of those, the ones that are durable. */
  #written: number
  #size: number
  #frames: Frame[] = []
  #frameBytes = 0
  /** Memory of those frames. */
  #frameSlabs: Slab[] = []
  #nodes: Frame[] = []
  #puts: Promise<void>[] = []

  constructor(components: { sink: Pick<BlockStore, 'has' | 'put'>; slabs: SlabPool }, init: ImageWriterInit) {
    this.#sink = components.sink
    this.#slabs = components.slabs
    this.#meter = init.meter
    this.#call = init.call
    this.#bounds = init.bounds
    this.#onSegments = init.onSegments
    this.#links = [...init.before]
    this.#written = this.#links.length
    this.#size = this.#links.reduce((sum, { size }) => sum + size, 0)
  }

  /** Last stage of the import. Errors: LimitError, and what the sink throws. */
  async writeAll(batches: AsyncIterable<PackedBatch>): Promise<void> {
    try {
      for await (const batch of batches) {
        await this.#addFrames(batch)
        this.#addSpans(batch)
        if (this.#nodes.length >= this.#bounds.nodesMax) await this.#writeNodes()
      }
      this.#addSegment(this.#builder.finish())
      await this.#writeNodes()
    } finally {
      await Promise.allSettled(this.#puts)
    }
  }

  /** Bytes of the segments so far. */
  get size(): number {
    return this.#size
  }

  /** Every segment so far. */
  get segments(): readonly SegmentLink[] {
    return this.#links
  }

  /** Puts the manifest, when `writeAll` has resolved. */
  async finish(head: Pick<Manifest, 'sha256' | 'chunker'>): Promise<{ manifest: Manifest; digest: Digest }> {
    const manifest: Manifest = { ...head, size: this.#size, segments: this.#links }
    const bytes = encodeManifest(manifest)
    if (bytes.length > MANIFEST_BYTES_MAX) throw new LimitError('the image needs too large a manifest')
    const frame = nodeFrame(bytes)
    await this.#sink.put([frame], this.#call)
    this.#meter.add({ storedBytes: bytes.length })
    return { manifest, digest: frame.digest }
  }

  async #addFrames({ frames, slab }: PackedBatch): Promise<void> {
    if (slab === undefined) return
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes.length, 0)
    if (this.#frameBytes + bytes > PUT_BYTES || this.#frameSlabs.length >= this.#bounds.putSlabsMax)
      await this.#putFrames()
    for (const frame of frames) this.#frames.push(frame)
    this.#frameBytes += bytes
    this.#frameSlabs.push(slab)
  }

  async #putFrames(): Promise<void> {
    const frames = this.#frames
    const storedBytes = this.#frameBytes
    const slabs = this.#frameSlabs
    this.#frames = []
    this.#frameBytes = 0
    this.#frameSlabs = []
    if (frames.length === 0) return
    while (this.#puts.length >= this.#bounds.putsMax) await this.#puts.shift()
    const put = this.#sink.put(frames, this.#call).then(() => {
      for (const slab of slabs) this.#slabs.release(slab)
      this.#meter.add({ storedBytes })
    })
    put.catch(() => {}) // reported when it is awaited
    this.#puts.push(put)
  }

  #addSpans({ spans, digests }: PackedBatch): void {
    let block = 0
    for (const span of spans) {
      if (span < 0) this.#builder.zeros(-span)
      else this.#addSegment(this.#builder.block(digests[block++] as Digest, span))
    }
  }

  #addSegment(segment: Segment | undefined): void {
    if (segment === undefined) return
    const frame = nodeFrame(encodeSegment(segment))
    const size = segmentSize(segment)
    this.#size += size
    this.#nodes.push(frame)
    this.#links.push({ digest: frame.digest, size, runs: runsOf(segment).length })
    if (this.#size > IMAGE_BYTES_MAX || this.#links.length > SEGMENTS_MAX) {
      throw new LimitError('the image is too large', { data: { sizeMaxBytes: IMAGE_BYTES_MAX } })
    }
  }

  /** Segments follow their blocks: whoever finds one finds all that it names, unless it was deleted. */
  async #writeNodes(): Promise<void> {
    await this.#putFrames()
    for (let put = this.#puts.shift(); put !== undefined; put = this.#puts.shift()) await put
    const nodes = this.#nodes
    this.#nodes = []
    if (nodes.length === 0) return
    const held = await this.#sink.has(
      nodes.map((node) => node.digest),
      this.#call,
    )
    const fresh = nodes.filter((_, i) => held[i] !== true)
    if (fresh.length > 0) await this.#sink.put(fresh, this.#call)
    this.#meter.add({ storedBytes: fresh.reduce((sum, node) => sum + node.bytes.length, 0) })
    const segments = this.#links.slice(this.#written)
    this.#written = this.#links.length
    await this.#onSegments?.(segments)
  }
}

function nodeFrame(bytes: Uint8Array): Frame {
  return { digest: digestOf(bytes), codec: CODEC_RAW, length: bytes.length, bytes }
}
