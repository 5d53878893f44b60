import { InvalidError } from './errors.ts'

/** Fixed-size set of indices below `size`; bit i is bit (i & 7) of byte (i >> 3). Unused high bits are zero. */
export class Bitmap {
  readonly size: number
  readonly bytes: Uint8Array
  #count = 0

  constructor(size: number, bytes?: Uint8Array) {
    this.size = size
    this.bytes = bytes ?? new Uint8Array((size + 7) >> 3)
    if (bytes !== undefined) this.#count = countBits(bytes)
  }

  /** A bitmap from bytes off the wire. Throws InvalidError on a wrong length or bits past the end. */
  static decode(size: number, bytes: Uint8Array): Bitmap {
    if (bytes.length !== (size + 7) >> 3) throw new InvalidError('bitmap has the wrong length')
    const spare = bytes.length * 8 - size
    if (spare > 0 && (bytes[bytes.length - 1] ?? 0) >> (8 - spare) !== 0) {
      throw new InvalidError('bitmap has bits past its end')
    }
    return new Bitmap(size, bytes.slice())
  }

  static full(size: number): Bitmap {
    const bytes = new Uint8Array((size + 7) >> 3).fill(0xff)
    const spare = bytes.length * 8 - size
    if (spare > 0) bytes[bytes.length - 1] = 0xff >> spare
    return new Bitmap(size, bytes)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.size
  }

  has(index: number): boolean {
    return ((this.bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** Returns whether the bit was clear before. Throws InvalidError past the end. */
  set(index: number): boolean {
    if (!(index >= 0 && index < this.size)) throw new InvalidError('bitmap index past its end')
    if (this.has(index)) return false
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) | (1 << (index & 7))
    this.#count++
    return true
  }

  clear(index: number): boolean {
    if (!this.has(index)) return false
    this.bytes[index >> 3] = (this.bytes[index >> 3] ?? 0) & ~(1 << (index & 7))
    this.#count--
    return true
  }

  copy(): Bitmap {
    return new Bitmap(this.size, this.bytes.slice())
  }

  *[Symbol.iterator](): Generator<number> {
    for (let i = 0; i < this.size; i++) if (this.has(i)) yield i
  }
}

function countBits(bytes: Uint8Array): number {
  let count = 0
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) count++
  return count
}
