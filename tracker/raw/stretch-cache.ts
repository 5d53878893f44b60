import type { CallOptions } from '../../src/core/blockstore.ts'
import { RAW_OPENINGS_MAX } from '../../src/core/registry-limits.ts'
import { STRETCH_BYTES_MAX, type StretchBlocks } from '../../src/image/stretches.ts'
import { Limiter } from '../../src/util/limiter.ts'

type SharedBytes = Uint8Array<SharedArrayBuffer>

export interface StretchCacheComponents {
  readonly blocks: {
    /** Verified bytes of blocks, each to its place; zeros between them. */
    openInto(blocks: StretchBlocks, target: SharedBytes, options?: CallOptions): Promise<void>
  }
}

/** Bytes of a stretch, which stay as they are until `release` was called. */
export interface HeldStretch {
  readonly bytes: Uint8Array
  release(): void
}

interface Entry {
  readonly memory: SharedBytes
  readonly opened: Promise<void>
  holders: number
}

/**
 * Opened stretches in pieces of memory that are used again and again. Each is read, inflated and verified once for all who
 * hold it and for those who come soon after. There are `keepMax` pieces, and more only while more are held: how many are held
 * is for the callers to bound.
 */
export class StretchCache {
  readonly #blocks: StretchCacheComponents['blocks']
  readonly #keepMax: number
  readonly #opening = new Limiter({ max: RAW_OPENINGS_MAX })
  readonly #entries = new Map<string, Entry>()
  /** Those that nobody holds, in the order in which they were let go. */
  readonly #idle = new Set<string>()

  constructor(components: StretchCacheComponents, init: { keepMax: number }) {
    this.#blocks = components.blocks
    this.#keepMax = init.keepMax
  }

  /** Pieces of memory, held or not. */
  get pieces(): number {
    return this.#entries.size
  }

  /** Holds the stretch that `key` names, opened where it is not there. Errors: those of `openInto`. */
  async hold(key: string, stretch: { size: number; blocks: StretchBlocks }): Promise<HeldStretch> {
    const entry = this.#entries.get(key) ?? this.#open(key, stretch)
    entry.holders++
    this.#idle.delete(key)
    const release = once(() => this.#letGo(key, entry))
    try {
      await entry.opened
    } catch (error) {
      release()
      throw error
    }
    return { bytes: entry.memory.subarray(0, stretch.size), release }
  }

  #open(key: string, { blocks, size }: { size: number; blocks: StretchBlocks }): Entry {
    const memory = this.#take()
    const opened = this.#opening.run(() => this.#blocks.openInto(blocks, memory.subarray(0, size + 1)))
    const entry: Entry = { memory, opened, holders: 0 }
    this.#entries.set(key, entry)
    // Who comes next tries again.
    opened.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    })
    return entry
  }

  #take(): SharedBytes {
    const oldest = this.#entries.size < this.#keepMax ? undefined : this.#idle.values().next().value
    const entry = oldest === undefined ? undefined : this.#entries.get(oldest)
    if (oldest === undefined || entry === undefined)
      return new Uint8Array(new SharedArrayBuffer(STRETCH_BYTES_MAX + 1))
    this.#idle.delete(oldest)
    this.#entries.delete(oldest)
    return entry.memory
  }

  #letGo(key: string, entry: Entry): void {
    entry.holders--
    if (entry.holders > 0 || this.#entries.get(key) !== entry) return
    this.#idle.add(key)
    if (this.#entries.size <= this.#keepMax) return
    const [oldest = ''] = this.#idle
    this.#idle.delete(oldest)
    this.#entries.delete(oldest)
  }
}

function once(fn: () => void): () => void {
  let done = false
  return () => {
    if (!done) fn()
    done = true
  }
}
