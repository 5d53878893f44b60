import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, digestOf } from '../core/cid.ts'
import { LimitError } from '../core/errors.ts'
import { CODEC_RAW, type Frame } from '../core/frame.ts'
import { IMAGE_BYTES_MAX, MANIFEST_BYTES_MAX, SEGMENTS_MAX } from '../core/limits.ts'
import { encodeManifest, type Manifest, type SegmentLink } from '../core/manifest.ts'
import { encodeSegment, runsOf, type Segment, SegmentBuilder, segmentSize } from '../core/segment.ts'
import type { ImportMeter } from './import-progress.ts'
import type { PackedBatch } from './import-stages.ts'

/** Stored bytes in one call of `put`: large enough to hide a round trip, small enough to be resumed. */
const PUT_BYTES = 2 * 1024 * 1024
/** Calls of `put` under way. */
const PUTS_MAX = 3
/** Segment nodes that wait for their blocks to be durable: some 2 MB. */
const NODES_MAX = 64

export interface ImageWriterInit {
  readonly meter: ImportMeter
  readonly call: CallOptions
}

/** Puts blocks, then the segments that name them, then the manifest. */
export class ImageWriter {
  readonly #sink: Pick<BlockStore, 'has' | 'put'>
  readonly #meter: ImportMeter
  readonly #call: CallOptions
  readonly #builder = new SegmentBuilder()
  readonly #links: SegmentLink[] = []
  #size = 0
  #frames: Frame[] = []
  #frameBytes = 0
  #nodes: Frame[] = []
  #puts: Promise<void>[] = []

  constructor(sink: Pick<BlockStore, 'has' | 'put'>, init: ImageWriterInit) {
    this.#sink = sink
    this.#meter = init.meter
    this.#call = init.call
  }

  /** Last stage of the import. Errors: LimitError, and what the sink throws. */
  async writeAll(batches: AsyncIterable<PackedBatch>): Promise<void> {
    try {
      for await (const batch of batches) {
        for (const frame of batch.frames) await this.#addFrame(frame)
        this.#addSpans(batch)
        if (this.#nodes.length >= NODES_MAX) await this.#writeNodes()
      }
      this.#addSegment(this.#builder.finish())
      await this.#writeNodes()
    } finally {
      await Promise.allSettled(this.#puts)
    }
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

  async #addFrame(frame: Frame): Promise<void> {
    this.#frames.push(frame)
    this.#frameBytes += frame.bytes.length
    if (this.#frameBytes >= PUT_BYTES) await this.#putFrames()
  }

  async #putFrames(): Promise<void> {
    const frames = this.#frames
    const storedBytes = this.#frameBytes
    this.#frames = []
    this.#frameBytes = 0
    if (frames.length === 0) return
    while (this.#puts.length >= PUTS_MAX) await this.#puts.shift()
    const put = this.#sink.put(frames, this.#call).then(() => this.#meter.add({ storedBytes }))
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
  }
}

function nodeFrame(bytes: Uint8Array): Frame {
  return { digest: digestOf(bytes), codec: CODEC_RAW, length: bytes.length, bytes }
}
