/** Bytes that have arrived and are not read yet, in the pieces in which they came. */
export class ByteQueue {
  #chunks: Buffer[] = []
  /** Bytes of the first chunk that are read. */
  #at = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next `count` bytes, copied only where they came in several chunks; undefined while they are not there. */
  take(count: number): Buffer | undefined {
    if (count > this.#length) return undefined
    const first = this.#chunks[0]
    if (first === undefined || first.length - this.#at < count) return this.#gather(count)
    const bytes = first.subarray(this.#at, this.#at + count)
    this.#advance(first, count)
    return bytes
  }

  /** Throws away up to `count` bytes; returns how many. */
  skip(count: number): number {
    let left = Math.min(count, this.#length)
    const skipped = left
    for (let first = this.#chunks[0]; left > 0 && first !== undefined; first = this.#chunks[0]) {
      const part = Math.min(left, first.length - this.#at)
      this.#advance(first, part)
      left -= part
    }
    return skipped
  }

  #gather(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    let filled = 0
    for (let first = this.#chunks[0]; filled < count && first !== undefined; first = this.#chunks[0]) {
      const part = Math.min(count - filled, first.length - this.#at)
      first.copy(bytes, filled, this.#at, this.#at + part)
      this.#advance(first, part)
      filled += part
    }
    return bytes
  }

  #advance(first: Buffer, count: number): void {
    this.#at += count
    this.#length -= count
    if (this.#at < first.length) return
    this.#chunks.shift()
    this.#at = 0
  }
}
