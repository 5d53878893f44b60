import * as dagCbor from '@ipld/dag-cbor'
import { DIGEST_BYTES, type Digest, digestKey } from './cid.ts'
import { decodeNode } from './dag-node.ts'
import { ManifestError } from './errors.ts'
import {
  BLOCK_BYTES_MAX,
  IMAGE_BYTES_MAX,
  RUN_BLOCKS_MAX,
  RUN_BYTES_MAX,
  SEGMENT_BLOCKS_MAX,
  SEGMENT_BLOCKS_MIN,
  SEGMENT_BYTES_MAX,
  SEGMENT_CUT_MODULUS,
  SEGMENT_NODE_BYTES_MAX,
} from './limits.ts'

/** Values in a segment node: its map, two keys, digests, the list, and a span for each block and between any two. */
const SEGMENT_ITEMS_MAX = 2 * SEGMENT_BLOCKS_MAX + 16

/**
 * Consecutive blocks of an image with the zero spans between them (docs/specs/manifest-v1.md).
 * `spans` lists both in order: n > 0 is the next block of `digests`, n bytes long; n < 0 is -n zero bytes.
 */
export interface Segment {
  readonly digests: readonly Digest[]
  readonly spans: readonly number[]
}

/** Consecutive blocks of a segment: the unit of scheduling. Indices count blocks, not spans. */
export interface Run {
  readonly first: number
  readonly count: number
  /** Sum of the blocks' lengths. */
  readonly bytes: number
}

/** Lengths of the blocks of `segment`, in order. */
export function blockLengths(segment: Segment): number[] {
  return segment.spans.filter((span) => span > 0)
}

/** Bytes of the image that `segment` covers, zero spans included. */
export function segmentSize(segment: Segment): number {
  let size = 0
  for (const span of segment.spans) size += Math.abs(span)
  return size
}

/** The runs of a segment: as many blocks as fit into RUN_BYTES_MAX and RUN_BLOCKS_MAX, from the first on. */
export function runsOf(segment: Segment): Run[] {
  const runs: Run[] = []
  let first = 0
  let count = 0
  let bytes = 0
  for (const length of blockLengths(segment)) {
    if (count > 0 && (bytes + length > RUN_BYTES_MAX || count === RUN_BLOCKS_MAX)) {
      runs.push({ first, count, bytes })
      first += count
      count = 0
      bytes = 0
    }
    count++
    bytes += length
  }
  if (count > 0) runs.push({ first, count, bytes })
  return runs
}

/** Whether a segment may end after a block with this digest. */
function endsSegment(digest: Digest): boolean {
  const head = ((digest[0] ?? 0) << 8) | (digest[1] ?? 0)
  return head % SEGMENT_CUT_MODULUS === 0
}

/**
 * Puts blocks and zero spans, given in image order, into segments. One image and chunker give one
 * sequence of segments everywhere. A zero span belongs to the segment of the block before it.
 */
export class SegmentBuilder {
  #digests: Digest[] = []
  #spans: number[] = []
  #blockBytes = 0
  #closed = false

  /** Adds a block; returns the segment that it closed, if any. */
  block(digest: Digest, length: number): Segment | undefined {
    const full = this.#digests.length === SEGMENT_BLOCKS_MAX || this.#blockBytes + length > SEGMENT_BYTES_MAX
    const done = this.#closed || full ? this.finish() : undefined
    this.#digests.push(digest)
    this.#spans.push(length)
    this.#blockBytes += length
    this.#closed = this.#digests.length >= SEGMENT_BLOCKS_MIN && endsSegment(digest)
    return done
  }

  zeros(length: number): void {
    const last = this.#spans.length - 1
    const before = this.#spans[last]
    if (before !== undefined && before < 0) this.#spans[last] = before - length
    else if (length > 0) this.#spans.push(-length)
  }

  /** The segment that is still open, or undefined when there is none. */
  finish(): Segment | undefined {
    if (this.#spans.length === 0) return undefined
    const segment = { digests: this.#digests, spans: this.#spans }
    this.#digests = []
    this.#spans = []
    this.#blockBytes = 0
    this.#closed = false
    return segment
  }
}

/** dag-cbor of a segment: `{ blocks: bytes (32 per block), spans: [int] }`. */
export function encodeSegment(segment: Segment): Uint8Array {
  const blocks = new Uint8Array(segment.digests.length * DIGEST_BYTES)
  segment.digests.forEach((digest, i) => {
    blocks.set(digest, i * DIGEST_BYTES)
  })
  return dagCbor.encode({ blocks, spans: segment.spans })
}

/** Reads a segment node that may come from anybody. Throws ManifestError on anything but a valid segment. */
export function decodeSegment(bytes: Uint8Array): Segment {
  const node = decodeNode(bytes, { bytesMax: SEGMENT_NODE_BYTES_MAX, itemsMax: SEGMENT_ITEMS_MAX })
  const { blocks, spans, ...rest } = node
  if (Object.keys(rest).length > 0) throw new ManifestError('segment has unknown fields')
  if (!(blocks instanceof Uint8Array) || blocks.length % DIGEST_BYTES !== 0 || !Array.isArray(spans)) {
    throw new ManifestError('segment has the wrong fields')
  }
  const count = blocks.length / DIGEST_BYTES
  if (count > SEGMENT_BLOCKS_MAX || spans.length === 0)
    throw new ManifestError('segment has no or too many blocks')
  const own = blocks.slice()
  const digests: Digest[] = []
  for (let i = 0; i < count; i++) digests.push(own.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES))
  checkSpans(spans, count)
  checkLengths(digests, spans)
  if (segmentSize({ digests, spans }) > IMAGE_BYTES_MAX)
    throw new ManifestError('segment is larger than an image')
  return { digests, spans }
}

function checkSpans(spans: unknown[], count: number): asserts spans is number[] {
  let seen = 0
  let blockBytes = 0
  let before = 1
  for (const span of spans) {
    if (!Number.isSafeInteger(span)) throw new ManifestError('segment has a span that is no integer')
    const n = span as number
    if (n === 0 || n > BLOCK_BYTES_MAX || n < -IMAGE_BYTES_MAX)
      throw new ManifestError('segment has a span out of range')
    if (n < 0 && before < 0) throw new ManifestError('segment has two zero spans in a row')
    if (n > 0) {
      seen++
      blockBytes += n
    }
    before = n
  }
  if (seen !== count) throw new ManifestError('segment has not one length for each block')
  if (blockBytes > SEGMENT_BYTES_MAX) throw new ManifestError('segment is too large')
}

/** One digest, one length: everything that plans by digest may rely on it. */
function checkLengths(digests: readonly Digest[], spans: readonly number[]): void {
  const lengths = new Map<string, number>()
  let i = 0
  for (const span of spans) {
    if (span < 0) continue
    const key = digestKey(digests[i++] as Digest)
    const known = lengths.get(key)
    if (known !== undefined && known !== span) throw new ManifestError('segment gives one block two lengths')
    lengths.set(key, span)
  }
}
