import type { BlockStore } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import type { Frame } from '../core/frame.ts'
import { checkFrame } from './check-frame.ts'

/** Keeps frames in memory, a copy of each: for tests and for nodes too few to matter. */
export class MemoryStore implements BlockStore {
  readonly #frames = new Map<DigestKey, Frame>()

  async has(digests: readonly Digest[]): Promise<boolean[]> {
    return digests.map((digest) => this.#frames.has(digestKey(digest)))
  }

  async get(digests: readonly Digest[]): Promise<(Frame | undefined)[]> {
    return digests.map((digest) => this.#frames.get(digestKey(digest)))
  }

  async put(frames: readonly Frame[]): Promise<void> {
    for (const frame of frames) checkFrame(frame)
    for (const frame of frames) {
      const key = digestKey(frame.digest)
      if (!this.#frames.has(key)) this.#frames.set(key, { ...frame, bytes: frame.bytes.slice() })
    }
  }

  async delete(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) this.#frames.delete(digestKey(digest))
  }

  async *list(): AsyncIterable<Digest> {
    for (const { digest } of this.#frames.values()) yield digest
  }

  async stat(): Promise<{ blocks: number; storedBytes: number }> {
    let storedBytes = 0
    for (const { bytes } of this.#frames.values()) storedBytes += bytes.length
    return { blocks: this.#frames.size, storedBytes }
  }

  async sizes(digests: readonly Digest[]): Promise<number[]> {
    return digests.map((digest) => this.#frames.get(digestKey(digest))?.bytes.length ?? 0)
  }
}
