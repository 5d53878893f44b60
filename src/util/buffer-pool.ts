/**
 * Buffers of one size that are used again. Large buffers are garbage only a full collection finds: a pull that made
 * a new one for every megabyte kept a hundred megabytes that nobody used.
 */
export class BufferPool {
  readonly #bytes: number
  readonly #keepMax: number
  readonly #free: ArrayBuffer[] = []

  /** @param init `bytes` of each buffer; `keepMax` of them wait for their next use at most. */
  constructor(init: { bytes: number; keepMax: number }) {
    this.#bytes = init.bytes
    this.#keepMax = init.keepMax
  }

  /** `length` bytes at the start of a buffer of the pool, with any content; a buffer of their own where they are few or too many. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#bytes || length < this.#bytes / 16) return new Uint8Array(length)
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#bytes), 0, length)
  }

  /** Nobody uses the buffer any more. Buffers of another size, and those past `keepMax`, are left to the collector. */
  give(buffer: ArrayBufferLike): void {
    const fits = buffer instanceof ArrayBuffer && buffer.byteLength === this.#bytes && !buffer.detached
    if (fits && this.#free.length < this.#keepMax) this.#free.push(buffer)
  }
}
