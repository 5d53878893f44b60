import { type Digest, type DigestKey, digestKey } from '../../src/core/cid.ts'
import { DISK_SEGMENTS_MAX } from '../../src/core/disk-limits.ts'
import type { SegmentSpans } from './segment-spans.ts'

/** Segments that were looked into last, of all disks of a node. */
export class SegmentCache {
  readonly #max: number
  readonly #spans = new Map<DigestKey, SegmentSpans>()

  constructor(init: { segmentsMax?: number } = {}) {
    this.#max = init.segmentsMax ?? DISK_SEGMENTS_MAX
  }

  get size(): number {
    return this.#spans.size
  }

  get(digest: Digest): SegmentSpans | undefined {
    const key = digestKey(digest)
    const known = this.#spans.get(key)
    if (known === undefined) return undefined
    this.#spans.delete(key)
    this.#spans.set(key, known)
    return known
  }

  add(digest: Digest, spans: SegmentSpans): void {
    this.#spans.set(digestKey(digest), spans)
    for (const oldest of this.#spans.keys()) {
      if (this.#spans.size <= this.#max) return
      this.#spans.delete(oldest)
    }
  }
}
