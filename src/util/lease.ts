import type { BufferPool } from './buffer-pool.ts'

/** Memory that is given back together, when nobody reads or writes it any more. What is never given back is left to the collector. */
export class Lease {
  readonly #pools: readonly BufferPool[]
  #taken: Uint8Array[] = []
  #released = () => {}

  /** @param pools by size, the smallest first. */
  constructor(pools: readonly BufferPool[]) {
    this.#pools = pools
  }

  /** `length` bytes with any content. */
  take(length: number): Buffer {
    const pool = this.#pools.find(({ bytes }) => bytes >= length)
    if (pool === undefined) return Buffer.allocUnsafeSlow(length)
    const taken = pool.take(length)
    this.#taken.push(taken)
    return Buffer.from(taken.buffer, 0, length)
  }

  /** What `take` gave goes back before the rest. */
  give(bytes: Uint8Array): void {
    const index = this.#taken.findIndex(({ buffer }) => buffer === bytes.buffer)
    if (index < 0) return
    this.#taken.splice(index, 1)
    for (const pool of this.#pools) pool.give(bytes.buffer)
  }

  /** Calls `then` when the memory is given back. */
  whenReleased(then: () => void): void {
    this.#released = then
  }

  readonly release = (): void => {
    for (const { buffer } of this.#taken.splice(0)) for (const pool of this.#pools) pool.give(buffer)
    this.#released()
  }
}
