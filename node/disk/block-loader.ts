import type { BlockStore } from '../../src/core/blockstore.ts'
import { type DigestKey, digestKey } from '../../src/core/cid.ts'
import { DISK_DAMAGED_MAX } from '../../src/core/disk-limits.ts'
import { IntegrityError } from '../../src/core/errors.ts'
import type { Lease } from '../../src/util/lease.ts'
import type { BlockCache } from './block-cache.ts'
import type { PlacedBlock } from './image-map.ts'
import type { BringOptions, ImageSource } from './image-source.ts'

export interface BlockLoaderComponents {
  blocks: Pick<BlockStore, 'has' | 'delete'>
  cache: BlockCache
  opener: BlockOpener
}

/** Opens the blocks that a store has; see PackStore. What it gives was verified; nobody changes it. */
export interface BlockOpener {
  /** In order; undefined where the store has none. Throws IntegrityError when one is damaged, ManifestError when one has another length. */
  open(blocks: readonly WantedBlock[], memory: Memory): Promise<(Uint8Array | undefined)[]>
  /** At least this part of one block. Errors: as `open`. */
  openPart(
    block: WantedBlock,
    part: BlockPart,
    memory: Memory,
  ): Promise<{ start: number; bytes: Uint8Array } | undefined>
  /** As `open`, before it returns; undefined where that cannot be, for whatever reason. */
  openNow(blocks: readonly WantedBlock[], memory: Memory): readonly Uint8Array[] | undefined
  /** As `openPart`, before it returns, for whoever uses the bytes at once; undefined as `openNow`. */
  openPartNow(block: WantedBlock, part: BlockPart): { start: number; bytes: Uint8Array } | undefined
}

/** Where blocks are opened: it is used for something else when they have been read. */
export type Memory = Pick<Lease, 'take' | 'give'>

interface BlockPart {
  readonly start: number
  readonly end: number
}

/** How blocks are opened, and where. */
export interface Opening {
  /** Of the read that waits for them, as it has given them. */
  readonly options: BringOptions
  readonly memory: Lease
  /** Which of the blocks will be read again soon, most likely. */
  readonly keeps: (block: PlacedBlock) => boolean
}

type WantedBlock = Pick<PlacedBlock, 'digest' | 'length'>

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

  /** Memory for one answer. */
  lease(): Lease {
    return this.#components.cache.lease()
  }

  /** To be read at once: it is overwritten when others are opened. */
  cached(block: PlacedBlock): Uint8Array | undefined {
    return this.#components.cache.get(block.digest)
  }

  /** All blocks in order, where they can be opened before it returns; else undefined. */
  openNow(
    blocks: readonly PlacedBlock[],
    { memory, keeps }: Omit<Opening, 'options'>,
  ): readonly Uint8Array[] | undefined {
    const { opener, cache } = this.#components
    const opened = opener.openNow(blocks, memory)
    if (opened === undefined) return undefined
    let bytes = 0
    for (const [i, block] of opened.entries()) {
      const placed = blocks[i]
      if (placed !== undefined && keeps(placed)) cache.add(placed.digest, block)
      bytes += block.length
    }
    this.#events.opened(bytes)
    return opened
  }

  /** As `openPart`, before it returns; the bytes are to be used at once. */
  openPartNow(block: PlacedBlock, { start, end }: BlockPart): Uint8Array | undefined {
    const { opener, cache } = this.#components
    const found = opener.openPartNow(block, { start, end })
    if (found === undefined) return undefined
    const { bytes } = found
    if (bytes.length === block.length) cache.add(block.digest, bytes)
    this.#events.opened(bytes.length)
    return bytes.subarray(start - found.start, end - found.start)
  }

  /** All blocks, inflated. Errors: those of the source and the store; IntegrityError when what is fetched is damaged again and again. */
  async open(blocks: readonly PlacedBlock[], opening: Opening): Promise<OpenBlocks> {
    const opened: OpenBlocks = new Map()
    let left = unique(blocks)
    for (let rounds = 0; left.length > 0; ) {
      const { lacking, damaged } = await this.#openLocal(left, opened, opening)
      if (damaged.length > 0) {
        if (++rounds > DISK_DAMAGED_MAX)
          throw new IntegrityError('blocks are damaged again as soon as they are stored')
        await this.#forget(damaged, opening.options)
      }
      left = [...lacking, ...damaged]
      if (left.length > 0) await this.#bring(left, opening.options)
    }
    return opened
  }

  /** Some bytes of one block, without the rest of it where that can be had. Errors: as `open`. */
  async openPart(block: PlacedBlock, part: BlockPart, opening: Opening): Promise<Uint8Array | undefined> {
    const found = await this.#localPart(block, part, opening)
    if (found !== undefined) return found
    const opened = await this.open([block], opening)
    return opened.get(digestKey(block.digest))?.subarray(part.start, part.end)
  }

  /** Undefined when it is not here, or damaged. */
  async #localPart(
    block: PlacedBlock,
    part: BlockPart,
    { memory, keeps }: Opening,
  ): Promise<Uint8Array | undefined> {
    const { opener, cache } = this.#components
    try {
      const found = await opener.openPart(block, part, memory)
      if (found === undefined) return undefined
      const { start, bytes } = found
      if (bytes.length === block.length && keeps(block)) cache.add(block.digest, bytes)
      this.#events.opened(bytes.length)
      return bytes.subarray(part.start - start, part.end - start)
    } catch (error) {
      // what is done about it is done when all of it is opened
      if (error instanceof IntegrityError) return undefined
      throw error
    }
  }

  /** Resolves when all blocks are in the store, with the bytes of those that were fetched for it. Errors: as `open`. */
  async fetch(blocks: readonly PlacedBlock[], options: BringOptions): Promise<number> {
    // What is in memory alone, after the store was cleaned, is not there for peers nor for later.
    const wanted = unique(blocks)
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
    opening: Opening,
  ): Promise<{ lacking: PlacedBlock[]; damaged: PlacedBlock[] }> {
    const rest = blocks.filter((block) => {
      const known = this.cached(block)
      if (known !== undefined) opened.set(digestKey(block.digest), copied(known, opening.memory))
      return known === undefined
    })
    if (rest.length === 0) return { lacking: [], damaged: [] }
    try {
      return { lacking: await this.#read(rest, opened, opening), damaged: [] }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      const [block] = rest
      if (rest.length === 1 && block !== undefined) return { lacking: [], damaged: [block] }
      // Which of them it is shows when each is read on its own.
      const apart = []
      for (const each of rest) apart.push(await this.#openLocal([each], opened, opening))
      return {
        lacking: apart.flatMap(({ lacking }) => lacking),
        damaged: apart.flatMap(({ damaged }) => damaged),
      }
    }
  }

  /** Those that the store does not have. Errors: IntegrityError when any is damaged. */
  async #read(
    blocks: readonly PlacedBlock[],
    opened: OpenBlocks,
    { memory, keeps }: Opening,
  ): Promise<PlacedBlock[]> {
    const { opener, cache } = this.#components
    const found = await cache.inTurn(async () => {
      const opened = await opener.open(blocks, memory)
      // those that lack some wait for other machines, and not here
      return { opened, memory: opened.includes(undefined) ? undefined : memory }
    })
    let bytes = 0
    for (const [i, placed] of blocks.entries()) {
      const block = found[i]
      if (block === undefined) continue
      opened.set(digestKey(placed.digest), block)
      if (keeps(placed)) cache.add(placed.digest, block)
      bytes += block.length
    }
    this.#events.opened(bytes)
    return blocks.filter((_, i) => found[i] === undefined)
  }

  async #forget(damaged: readonly PlacedBlock[], options: BringOptions): Promise<void> {
    this.#events.damaged(damaged.length)
    const digests = damaged.map(({ digest }) => digest)
    await this.#source.patiently(() => this.#components.blocks.delete(digests), options)
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

/** The same bytes where they stay. */
export function copied(bytes: Uint8Array, memory: Memory): Uint8Array {
  const copy = memory.take(bytes.length)
  copy.set(bytes)
  return copy
}

/** Each digest once. */
function unique(blocks: readonly PlacedBlock[]): PlacedBlock[] {
  return [...new Map(blocks.map((block) => [digestKey(block.digest), block])).values()]
}
