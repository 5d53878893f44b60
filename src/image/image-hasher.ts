import { createHash, type Hash } from 'node:crypto'
import type { Digest } from '../core/cid.ts'

/** Consecutive blocks and zero spans of an image. */
export interface ImagePart {
  /** Memory that holds the blocks. */
  readonly bytes: Uint8Array
  /** As in a Segment: n > 0 is a block of n bytes, n < 0 are -n zero bytes. */
  readonly spans: readonly number[]
  /** Index in `bytes` of each block. */
  readonly places: readonly number[]
}

/** The next part of an image, or `finish`, which asks for the digest. */
export type ImageHasherStep = ImagePart | 'finish'

const ZEROS = new Uint8Array(1024 * 1024)

/** sha-256 over a whole image, zero spans included. */
export class ImageHasher {
  readonly #hash: Hash = createHash('sha256')

  step(step: ImageHasherStep): Digest | undefined {
    if (step === 'finish') return this.#hash.digest()
    const { bytes, spans, places } = step
    let block = 0
    let open = { start: 0, end: 0 }
    for (const span of spans) {
      const place = span > 0 ? places[block++] : undefined
      if (place === open.end) open.end += span
      else {
        this.#update(bytes, open)
        open = place === undefined ? { start: 0, end: 0 } : { start: place, end: place + span }
        if (span < 0) this.#zeros(-span)
      }
    }
    this.#update(bytes, open)
    return undefined
  }

  #update(bytes: Uint8Array, { start, end }: { start: number; end: number }): void {
    if (end > start) this.#hash.update(bytes.subarray(start, end))
  }

  #zeros(length: number): void {
    for (let left = length; left > 0; left -= ZEROS.length) {
      this.#hash.update(left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left))
    }
  }
}
