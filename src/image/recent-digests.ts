import type { Digest } from '../core/cid.ts'

/** Digests remembered: some 20 MB. A block that comes again later than that is found by `has`. */
const DIGESTS_MAX = 200_000

/** The last digests of an import, so that a block which comes again is asked for and sent once. */
export class RecentDigests {
  readonly #digests = new Set<string>()
  readonly #max: number

  constructor(max = DIGESTS_MAX) {
    this.#max = max
  }

  /** Returns whether the digest was not there. The oldest one makes room. */
  add(digest: Digest): boolean {
    const key = Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('latin1')
    if (this.#digests.has(key)) return false
    this.#digests.add(key)
    if (this.#digests.size > this.#max) {
      for (const oldest of this.#digests) {
        this.#digests.delete(oldest)
        break
      }
    }
    return true
  }
}
