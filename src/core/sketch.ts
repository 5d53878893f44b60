import { DIGEST_BYTES, type Digest } from './cid.ts'
import { InvalidError } from './errors.ts'
import { SKETCH_VALUES } from './registry-limits.ts'

/** Bytes of a digest that a value is: exact as a number, and 10 million blocks share one by chance with odds of 1 in 6. */
const VALUE_BYTES = 6
const VALUES = 2 ** (8 * VALUE_BYTES)

/**
 * A sample of the blocks of an image: the SKETCH_VALUES smallest heads of their digests, ascending. Two sketches tell how much two
 * images share (A. Broder, On the resemblance and containment of documents, 1997: bottom-k sketches).
 */
export type Sketch = readonly number[]

/** Makes a sketch of blocks that come in any order and any number of times. */
export class Sketcher {
  readonly #size: number
  #values: number[] = []
  #waiting = new Set<number>()
  #largest = Number.POSITIVE_INFINITY

  constructor(init: { size?: number } = {}) {
    this.#size = init.size ?? SKETCH_VALUES
  }

  add(digests: readonly Digest[]): void {
    for (const digest of digests) {
      const value = headOf(digest)
      if (value >= this.#largest) continue
      this.#waiting.add(value)
      if (this.#waiting.size >= this.#size) this.#settle()
    }
  }

  finish(): Sketch {
    this.#settle()
    return this.#values
  }

  #settle(): void {
    const all = new Set([...this.#values, ...this.#waiting])
    this.#waiting = new Set()
    this.#values = [...all].sort((a, b) => a - b).slice(0, this.#size)
    if (this.#values.length === this.#size) this.#largest = this.#values.at(-1) ?? this.#largest
  }
}

function headOf(digest: Digest): number {
  return Buffer.from(digest.buffer, digest.byteOffset, DIGEST_BYTES).readUIntBE(0, VALUE_BYTES)
}

/** Different blocks of an image, exact while there are fewer than the sketch holds. */
export function blocksOf(sketch: Sketch, size = SKETCH_VALUES): number {
  const largest = sketch.at(-1)
  if (sketch.length < size || largest === undefined) return sketch.length
  return Math.round(((size - 1) * VALUES) / largest)
}

/** Estimated share of the blocks of `of` that `other` has too, 0 to 1. With 128 values it is off by some 0.05 as a rule. */
export function sharedWith(of: Sketch, other: Sketch, size = SKETCH_VALUES): number {
  const union = [...new Set([...of, ...other])].sort((a, b) => a - b).slice(0, size)
  if (of.length === 0 || union.length === 0) return 0
  const [one, two] = [new Set(of), new Set(other)]
  const both = union.filter((value) => one.has(value) && two.has(value)).length
  const shared = (both / union.length) * blocksOf(union, size)
  return Math.min(1, shared / blocksOf(of, size))
}

/** Values as big-endian bytes, for a database. */
export function encodeSketch(sketch: Sketch): Uint8Array {
  const bytes = Buffer.alloc(sketch.length * VALUE_BYTES)
  sketch.forEach((value, i) => {
    bytes.writeUIntBE(value, i * VALUE_BYTES, VALUE_BYTES)
  })
  return bytes
}

/** Throws InvalidError. */
export function decodeSketch(bytes: Uint8Array): Sketch {
  if (bytes.length % VALUE_BYTES !== 0) throw new InvalidError('not a sketch')
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / VALUE_BYTES }, (_, i) =>
    view.readUIntBE(i * VALUE_BYTES, VALUE_BYTES),
  )
}
