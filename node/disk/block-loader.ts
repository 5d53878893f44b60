import type { BlockStore } from '../../src/core/blockstore.ts'
import { type DigestKey, digestKey } from '../../src/core/cid.ts'
import { IntegrityError, ManifestError } from '../../src/core/errors.ts'
import type { Frame } from '../../src/core/frame.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { DISK_DAMAGED_MAX, DISK_INLINE_BYTES_MAX } from '../../src/core/limits.ts'
import type { BlockCache } from './block-cache.ts'
import type { PlacedBlock } from './image-map.ts'
import type { BringOptions, ImageSource } from './image-source.ts'

export interface BlockLoaderComponents {
  blocks: Pick<BlockStore, 'get' | 'has' | 'delete'>
  cache: BlockCache
  /** As FramePool. */
  opener: { inflate(frames: readonly Frame[]): Promise<Uint8Array[]> }
}

export interface LoaderEvents {
  /** These were read from the store. */
  opened(bytes: number): void
  /** So many blocks in the store were damaged. */
  damaged(blocks: number): void
}

/** Blocks by digest. */
export type OpenBlocks = Map<DigestKey, Uint8Array>

/** Gets the blocks of one image from the cache, from the store, or by way of the store from others; each is verified whenever it is inflated. */
export class BlockLoader {
  readonly #components: BlockLoaderComponents
  readonly #source: ImageSource
  readonly #events: LoaderEvents

  constructor(components: BlockLoaderComponents, init: { source: ImageSource; events: LoaderEvents }) {
    this.#components = components
    this.#source = init.source
    this.#events = init.events
  }

  cached(block: PlacedBlock): Uint8Array | undefined {
    return this.#components.cache.get(block.digest)
  }

  /** All blocks, inflated. Errors: those of the source and the store; IntegrityError when what is fetched is damaged again and again. */
  async open(blocks: readonly PlacedBlock[], options: BringOptions): Promise<OpenBlocks> {
    const opened: OpenBlocks = new Map()
    let left = unique(blocks)
    for (let rounds = 0; left.length > 0; ) {
      const { lacking, damaged } = await this.#openLocal(left, opened)
      if (damaged.length > 0) {
        if (++rounds > DISK_DAMAGED_MAX)
          throw new IntegrityError('blocks are damaged again as soon as they are stored')
        await this.#forget(damaged)
      }
      left = [...lacking, ...damaged]
      if (left.length > 0) await this.#bring(left, options)
    }
    return opened
  }

  /** Resolves when all blocks are in the store, with the bytes of those that were fetched for it. Errors: as `open`. */
  async fetch(blocks: readonly PlacedBlock[], options: BringOptions): Promise<number> {
    const wanted = unique(blocks).filter((block) => this.cached(block) === undefined)
    const held = await this.local(wanted)
    const lacking = wanted.filter((_, i) => held[i] !== true)
    return lacking.length > 0 ? await this.#bring(lacking, options) : 0
  }

  /** For each block, in order, whether it is here. */
  local(blocks: readonly PlacedBlock[]): Promise<boolean[]> {
    return this.#components.blocks.has(blocks.map(({ digest }) => digest))
  }

  async #openLocal(
    blocks: readonly PlacedBlock[],
    opened: OpenBlocks,
  ): Promise<{ lacking: PlacedBlock[]; damaged: PlacedBlock[] }> {
    const rest = blocks.filter((block) => {
      const known = this.cached(block)
      if (known !== undefined) opened.set(digestKey(block.digest), known)
      return known === undefined
    })
    if (rest.length === 0) return { lacking: [], damaged: [] }
    try {
      return { lacking: await this.#read(rest, opened), damaged: [] }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      const [block] = rest
      if (rest.length === 1 && block !== undefined) return { lacking: [], damaged: [block] }
      // Which of them it is shows when each is read on its own.
      const apart = []
      for (const each of rest) apart.push(await this.#openLocal([each], opened))
      return {
        lacking: apart.flatMap(({ lacking }) => lacking),
        damaged: apart.flatMap(({ damaged }) => damaged),
      }
    }
  }

  /** Those that the store does not have. Errors: IntegrityError when any is damaged. */
  async #read(blocks: readonly PlacedBlock[], opened: OpenBlocks): Promise<PlacedBlock[]> {
    const { blocks: store, opener, cache } = this.#components
    const found = await store.get(blocks.map(({ digest }) => digest))
    if (found.some((frame, i) => frame !== undefined && frame.length !== blocks[i]?.length))
      throw new ManifestError('the image gives a block another length than it has')
    const frames = found.filter((frame) => frame !== undefined)
    const bytes = frames.reduce((sum, { length }) => sum + length, 0)
    const inflated = bytes <= DISK_INLINE_BYTES_MAX ? frames.map(decodeFrame) : await opener.inflate(frames)
    for (const [i, { digest }] of frames.entries()) {
      const block = inflated[i]
      if (block === undefined) continue
      opened.set(digestKey(digest), block)
      cache.add(digest, block)
    }
    this.#events.opened(bytes)
    return blocks.filter((_, i) => found[i] === undefined)
  }

  async #forget(damaged: readonly PlacedBlock[]): Promise<void> {
    this.#events.damaged(damaged.length)
    await this.#components.blocks.delete(damaged.map(({ digest }) => digest))
    for (const run of new Set(damaged.map(({ run }) => run))) this.#source.lost(run)
  }

  async #bring(blocks: readonly PlacedBlock[], options: BringOptions): Promise<number> {
    const runs = new Map<number, number[]>()
    for (const { run, index } of blocks) {
      const indices = runs.get(run)
      if (indices === undefined) runs.set(run, [index])
      else indices.push(index)
    }
    const brought = [...runs].map(([run, indices]) =>
      this.#source.bring({ run, indices: indices.sort((a, b) => a - b) }, options),
    )
    return (await Promise.all(brought)).reduce((sum, bytes) => sum + bytes, 0)
  }
}

/** Each digest once. */
function unique(blocks: readonly PlacedBlock[]): PlacedBlock[] {
  return [...new Map(blocks.map((block) => [digestKey(block.digest), block])).values()]
}
