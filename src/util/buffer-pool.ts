/**
 * Buffers of one size, or of that and some halves of it, that are used again. Large buffers are garbage only a full collection finds: a pull that made
 * a new one for every megabyte kept a hundred megabytes that nobody used.
 */
export class BufferPool {
  readonly #bytes: number
  readonly #keepBytesMax: number
  /** Free ones by size, the smallest first. */
  readonly #free: Map<number, ArrayBuffer[]>
  #keptBytes = 0

  /** @param init `bytes` of each buffer, or of the largest when they are halved so many times; as much as `keepMax` of the largest waits for its next use at most. */
  constructor(init: { bytes: number; keepMax: number; halvings?: number }) {
    this.#bytes = init.bytes
    this.#keepBytesMax = init.keepMax * init.bytes
    this.#free = new Map()
    for (let halved = init.halvings ?? 0; halved >= 0; halved--) this.#free.set(init.bytes >> halved, [])
  }

  /** Of each buffer. */
  get bytes(): number {
    return this.#bytes
  }

  /** `length` bytes at the start of a buffer of the pool, with any content; a buffer of their own where they are few or too many. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#bytes || length < this.#bytes / 16) return new Uint8Array(length)
    for (const [bytes, free] of this.#free) {
      if (length > bytes) continue
      const buffer = free.pop()
      if (buffer !== undefined) this.#keptBytes -= bytes
      return new Uint8Array(buffer ?? uninitialised(bytes), 0, length)
    }
    return new Uint8Array(length)
  }

  /** Nobody uses the buffer any more. Buffers of another size, and those that would be too many, are left to the collector. */
  give(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof ArrayBuffer) || buffer.detached) return
    const bytes = buffer.byteLength
    const free = this.#free.get(bytes)
    if (free === undefined || this.#keptBytes + bytes > this.#keepBytesMax) return
    this.#keptBytes += bytes
    free.push(buffer)
  }
}

/** Without the zeros that a new ArrayBuffer is filled with. */
function uninitialised(bytes: number): ArrayBuffer {
  const { buffer } = Buffer.allocUnsafeSlow(bytes)
  return buffer
}
