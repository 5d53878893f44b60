import { type Digest, type DigestKey, digestKey } from '../../src/core/cid.ts'
import { DISK_CACHE_BYTES } from '../../src/core/limits.ts'

/** Inflated blocks that were read last, of all disks of a node: bounded in bytes. Nobody changes what it gives. */
export class BlockCache {
  readonly #bytesMax: number
  readonly #blocks = new Map<DigestKey, Uint8Array>()
  #bytes = 0

  constructor(init: { bytesMax?: number } = {}) {
    this.#bytesMax = init.bytesMax ?? DISK_CACHE_BYTES
  }

  get bytes(): number {
    return this.#bytes
  }

  get(digest: Digest): Uint8Array | undefined {
    const key = digestKey(digest)
    const block = this.#blocks.get(key)
    if (block === undefined) return undefined
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    return block
  }

  /** A block that shares its memory with others is copied, so that it keeps nothing alive but itself. */
  add(digest: Digest, shared: Uint8Array): void {
    const key = digestKey(digest)
    if (this.#blocks.has(key)) return
    const block = shared.buffer.byteLength === shared.length ? shared : new Uint8Array(shared)
    this.#blocks.set(key, block)
    this.#bytes += block.length
    for (const [oldest, { length }] of this.#blocks) {
      if (this.#bytes <= this.#bytesMax) return
      this.#blocks.delete(oldest)
      this.#bytes -= length
    }
  }
}
