import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'

/** Keys of one kind to announce: those that wait for their first time, and those to be renewed when due. */
export class AnnounceLane {
  readonly #waiting = new Map<DigestKey, Digest>()
  /** In order of `dueMs`, because all are renewed after the same time. */
  readonly #renewals = new Map<DigestKey, { digest: Digest; dueMs: number }>()

  get size(): number {
    return this.#waiting.size + this.#renewals.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  has(digest: Digest): boolean {
    const key = digestKey(digest)
    return this.#waiting.has(key) || this.#renewals.has(key)
  }

  /** True while the record of `digest` needs no renewal. */
  isFresh(digest: Digest, nowMs: number): boolean {
    const renewal = this.#renewals.get(digestKey(digest))
    return renewal !== undefined && renewal.dueMs > nowMs
  }

  /** Adds a key that is not there yet. */
  add(digest: Digest): void {
    if (!this.has(digest)) this.#waiting.set(digestKey(digest), digest)
  }

  remove(digest: Digest): boolean {
    const key = digestKey(digest)
    return this.#waiting.delete(key) || this.#renewals.delete(key)
  }

  /** What comes next: first what is due for renewal, then the longest waiting. */
  next(nowMs: number): Digest | undefined {
    for (const renewal of this.#renewals.values()) {
      if (renewal.dueMs <= nowMs) return renewal.digest
      break
    }
    return this.#waiting.values().next().value
  }

  /** Comes again at `dueMs`; does nothing when the key was removed meanwhile. */
  renewAt(digest: Digest, dueMs: number): void {
    if (!this.remove(digest)) return
    this.#renewals.set(digestKey(digest), { digest, dueMs })
  }
}
