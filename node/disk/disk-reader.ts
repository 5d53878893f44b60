import type { CallOptions } from '../../src/core/blockstore.ts'
import { digestKey } from '../../src/core/cid.ts'
import { DISK_CACHE_READ_BYTES_MAX, DISK_EXTENT_BLOCKS_MAX } from '../../src/core/disk-limits.ts'
import { InternalError } from '../../src/core/errors.ts'
import { SEGMENT_BYTES_MAX } from '../../src/core/limits.ts'
import type { Lease } from '../../src/util/lease.ts'
import { type BlockLoader, copied } from './block-loader.ts'
import type { ImageMap, ImageSpan, PlacedBlock } from './image-map.ts'
import type { BringOptions } from './image-source.ts'
import {
  ALLOCATION,
  CACHED,
  type Extent,
  type ExtentContext,
  type ExtentRange,
  type Piece,
  type Pieces,
} from './nbd/export.ts'
import type { ByteRange } from './read-ahead.ts'

/** Reads ranges of one image. What is in memory is answered at once, without a promise. */
export class DiskReader {
  readonly #map: ImageMap
  readonly #loader: BlockLoader

  constructor(components: { map: ImageMap; loader: BlockLoader }) {
    this.#map = components.map
    this.#loader = components.loader
  }

  /** Pieces in order, of `length` bytes together. Errors: those of the map and the loader. */
  read(offset: number, length: number, options: BringOptions): Pieces | Promise<Pieces> {
    const spans = this.#map.spans(offset, length, options)
    if (spans instanceof Promise) return this.#later(spans, options)
    return this.#atOnce(spans) ?? this.#load(spans, options)
  }

  /** Resolves when the range is in the store. Errors: as `read`. */
  async fetch(offset: number, length: number, options: BringOptions): Promise<void> {
    for (let at = offset; at < offset + length; at += SEGMENT_BYTES_MAX) {
      const part = Math.min(SEGMENT_BYTES_MAX, offset + length - at)
      await this.#loader.fetch(blocksOf(await this.#map.spans(at, part, options)), options)
    }
  }

  /** Resolves when all these ranges are in the store, with the bytes of the blocks that were fetched for it; their blocks are wanted together. Errors: as `read`. */
  async fetchAll(ranges: readonly ByteRange[], options: BringOptions): Promise<number> {
    const blocks: PlacedBlock[] = []
    for (const { offset, length } of ranges)
      blocks.push(...blocksOf(await this.#map.spans(offset, length, options)))
    return await this.#loader.fetch(blocks, options)
  }

  /** Extents from the start of the range on, one at least. Errors: as `read`. */
  async extents(context: ExtentContext, range: ExtentRange, options: CallOptions): Promise<Extent[]> {
    const extents: Extent[] = []
    const end = range.offset + range.length
    let looked = 0
    for (let at = range.offset; at < end && extents.length < range.extentsMax; ) {
      const part = Math.min(SEGMENT_BYTES_MAX, end - at)
      const spans = await this.#map.spans(at, part, options)
      const flags = await this.#flags(context, spans)
      spans.forEach(({ length }, i) => void append(extents, length, flags[i] ?? 0))
      looked += spans.length
      at += part
      if (looked >= DISK_EXTENT_BLOCKS_MAX) break
    }
    return extents.slice(0, range.extentsMax)
  }

  async #flags(context: ExtentContext, spans: readonly ImageSpan[]): Promise<number[]> {
    if (context === 'allocation')
      return spans.map(({ block }) => (block === undefined ? ALLOCATION.hole | ALLOCATION.zero : 0))
    const held = await this.#loader.local(blocksOf(spans))
    let at = 0
    return spans.map(({ block }) => (block === undefined || held[at++] === true ? CACHED.local : 0))
  }

  async #later(spans: Promise<ImageSpan[]>, options: BringOptions): Promise<Pieces> {
    const known = await spans
    return this.#atOnce(known) ?? (await this.#load(known, options))
  }

  /** Undefined when a block is neither in memory nor to be had before this returns. */
  #atOnce(spans: readonly ImageSpan[]): Pieces | undefined {
    const memory = this.#loader.lease()
    const [first] = spans
    const isPart = spans.length === 1 && first?.block !== undefined && first.length < first.block.length
    const pieces = isPart ? this.#part(first, first.block, memory) : this.#pieces(spans, memory)
    if (pieces !== undefined) return Object.assign(pieces, { release: memory.release })
    memory.release()
    return undefined
  }

  /** Of one block, which need not be opened whole. */
  #part({ start, length }: ImageSpan, block: PlacedBlock, memory: Lease): Piece[] | undefined {
    const bytes =
      this.#loader.cached(block)?.subarray(start, start + length) ??
      this.#loader.openPartNow(block, { start, end: start + length })
    return bytes && [checked(copied(bytes, memory), length)]
  }

  #pieces(spans: readonly ImageSpan[], memory: Lease): Piece[] | undefined {
    const keeps = keptOf(spans)
    const lacking: PlacedBlock[] = []
    const known = spans.map(({ block, start, length }) => {
      if (block === undefined) return undefined
      const bytes = keeps(block) ? this.#loader.cached(block) : undefined
      if (bytes === undefined) lacking.push(block)
      return bytes && copied(bytes.subarray(start, start + length), memory)
    })
    const opened = lacking.length === 0 ? [] : this.#loader.openNow(lacking, { memory, keeps })
    if (opened === undefined) return undefined
    let next = 0
    return spans.map((span, i) => known[i] ?? pieceOf(span, span.block && opened[next++]))
  }

  async #load(spans: readonly ImageSpan[], options: BringOptions): Promise<Pieces> {
    const lease = this.#loader.lease()
    const opening = { options, memory: lease, keeps: keptOf(spans) }
    const [first] = spans
    if (spans.length === 1 && first?.block !== undefined && first.length < first.block.length) {
      const { block, start, length } = first
      const piece = await this.#loader.openPart(block, { start, end: start + length }, opening)
      return Object.assign([checked(piece, length)], { release: lease.release })
    }
    const opened = await this.#loader.open(blocksOf(spans), opening)
    const pieces = spans.map((span) => pieceOf(span, span.block && opened.get(digestKey(span.block.digest))))
    return Object.assign(pieces, { release: lease.release })
  }
}

/** Which blocks are worth keeping: those of small reads, and those that a long read leaves something of, since the next begins there. */
function keptOf(spans: readonly ImageSpan[]): (block: PlacedBlock) => boolean {
  const bytes = spans.reduce((sum, { length }) => sum + length, 0)
  if (bytes <= DISK_CACHE_READ_BYTES_MAX) return () => true
  const parts = spans.filter(({ block, length }) => block !== undefined && length < block.length)
  return (block) => parts.some((part) => part.block === block)
}

const blocksOf = (spans: readonly ImageSpan[]): PlacedBlock[] =>
  spans.map(({ block }) => block).filter((block) => block !== undefined)

function pieceOf({ start, length, block }: ImageSpan, bytes: Uint8Array | undefined): Piece {
  if (block === undefined) return { zeros: length }
  return checked(bytes?.subarray(start, start + length), length)
}

function checked(piece: Uint8Array | undefined, length: number): Piece {
  if (piece?.length !== length) throw new InternalError('a block is shorter than its place in the image')
  return piece
}

function append(extents: Extent[], length: number, flags: number): void {
  const last = extents.at(-1)
  if (last?.flags === flags) extents[extents.length - 1] = { length: last.length + length, flags }
  else extents.push({ length, flags })
}
