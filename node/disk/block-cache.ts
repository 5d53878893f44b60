import { type Digest, type DigestKey, digestKey } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { DISK_CACHE_BYTES } from '../../src/core/disk-limits.ts'
import { BLOCK_BYTES_MAX } from '../../src/core/limits.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { Lease } from '../../src/util/lease.ts'
import { Limiter } from '../../src/util/limiter.ts'

const KiB = 1024
/** Memory is taken and forgotten in such pieces: several of the longest blocks. */
const SLAB_BYTES = 4 * BLOCK_BYTES_MAX
/** A block that is read again while it is among the oldest of these shares moves to the end. */
const OLD_SHARE = 0.5

/** Memory that waits for reads: of a page or a small block; of a long read, whose first and last blocks come whole; and of the longest that Linux and QEMU make. */
const POOLS = [
  { bytes: 32 * KiB, keepMax: 64 },
  { bytes: 320 * KiB, keepMax: 12 },
  { bytes: 640 * KiB, keepMax: 4 },
  { bytes: 1024 * KiB, keepMax: 3 },
]

/** Reads whose blocks are opened at a time, twice as many as there are threads that read files. */
const OPENING_MAX = 8
/** A client on the same machine takes an answer of 256 KiB in well under a millisecond. */
const TURN_MS = 20

interface Slab {
  readonly bytes: Buffer
  readonly keys: DigestKey[]
  filled: number
}

interface Place {
  readonly slab: Slab
  readonly at: number
  readonly length: number
}

/**
 * Inflated blocks that were read last, of all disks of a node: bounded in bytes. Blocks lie one behind the other in slabs, and the slab that was filled first is used again, so that
 * nothing is left to the collector, which takes a third of the time of reading where every block is memory of its own (docs/decisions/0016).
 */
export class BlockCache {
  readonly #slabsMax: number
  readonly #places = new Map<DigestKey, Place>()
  /** The one that is being filled is the last. */
  readonly #slabs: Slab[] = []

  readonly #turns = new Limiter({ max: OPENING_MAX })
  readonly #pools = POOLS.map((pool) => new BufferPool(pool))

  readonly #clock: Clock

  constructor(components: { clock: Clock }, init: { bytesMax?: number } = {}) {
    this.#clock = components.clock
    this.#slabsMax = Math.max(2, Math.floor((init.bytesMax ?? DISK_CACHE_BYTES) / SLAB_BYTES))
  }

  /** Memory in which blocks are opened, and from which they are sent. */
  lease(): Lease {
    return new Lease(this.#pools)
  }

  /**
   * Opens blocks, several reads at a time: one is over when its memory is given back, so that a client that asks for much at once gets it as it takes it, and the memory is used again.
   * Whoever takes long holds up the others no longer than TURN_MS.
   */
  inTurn<T>(open: () => Promise<{ opened: T; memory: Lease | undefined }>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    void this.#turns.run(async () => {
      try {
        const { opened, memory } = await open()
        resolve(opened)
        if (memory !== undefined) await this.#released(memory)
      } catch (error) {
        reject(error)
      }
    })
    return promise
  }

  /** Memory that it takes. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES
  }

  /** To be read at once: the next `add` or `get` may overwrite it. */
  get(digest: Digest): Uint8Array | undefined {
    const key = digestKey(digest)
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    const { slab, at, length } = place
    const block = slab.bytes.subarray(at, at + length)
    if (!this.#isOld(slab)) return block
    this.#places.delete(key)
    return this.#append(key, block)
  }

  /** Keeps a copy. */
  add(digest: Digest, block: Uint8Array): void {
    const key = digestKey(digest)
    if (block.length <= BLOCK_BYTES_MAX && !this.#places.has(key)) this.#append(key, block)
  }

  async #released(memory: Lease): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(TURN_MS, resolve)
    memory.whenReleased(resolve)
    await promise
    cancel()
  }

  #append(key: DigestKey, block: Uint8Array): Uint8Array {
    let slab = this.#slabs.at(-1)
    if (slab === undefined || SLAB_BYTES - slab.filled < block.length) slab = this.#next()
    const at = slab.filled
    // `block` may lie in this slab, when it was the oldest: it is copied as by memmove
    slab.bytes.set(block, at)
    slab.filled += block.length
    slab.keys.push(key)
    this.#places.set(key, { slab, at, length: block.length })
    return slab.bytes.subarray(at, at + block.length)
  }

  /** An empty slab at the end. */
  #next(): Slab {
    const isFull = this.#slabs.length >= this.#slabsMax
    const slab = (isFull ? this.#slabs.shift() : undefined) ?? {
      ...{ bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), keys: [], filled: 0 },
    }
    for (const key of slab.keys.splice(0)) {
      if (this.#places.get(key)?.slab === slab) this.#places.delete(key)
    }
    slab.filled = 0
    this.#slabs.push(slab)
    return slab
  }

  #isOld(slab: Slab): boolean {
    if (this.#slabs.length < this.#slabsMax) return false
    const old = Math.floor(this.#slabs.length * OLD_SHARE)
    return this.#slabs.indexOf(slab) < old
  }
}
