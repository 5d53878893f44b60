import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, digestKey } from '../core/cid.ts'
import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import type { FramePool } from './frame-pool.ts'

/**
 * Lets only blocks through, in either direction, that are what their digests name. For frames from outside, and for stores
 * whose disk is not trusted. `put` stores nothing of a batch with a wrong frame; both throw IntegrityError, with the digests in `data`.
 */
export class VerifyingStore implements BlockStore {
  readonly #inner: BlockStore
  readonly #frames: FramePool

  constructor(components: { store: BlockStore; frames: FramePool }) {
    this.#inner = components.store
    this.#frames = components.frames
  }

  has(digests: readonly Digest[], options?: CallOptions): Promise<boolean[]> {
    return this.#inner.has(digests, options)
  }

  async get(digests: readonly Digest[], options?: CallOptions): Promise<(Frame | undefined)[]> {
    const answer = await this.#inner.get(digests, options)
    const found = answer.filter((frame) => frame !== undefined)
    await this.#check(found, { what: 'the store holds corrupt blocks', options })
    return answer
  }

  async put(frames: readonly Frame[], options?: CallOptions): Promise<void> {
    await this.#check(frames, { what: 'blocks do not match their digests', options })
    await this.#inner.put(frames, options)
  }

  delete(digests: readonly Digest[], options?: CallOptions): Promise<void> {
    return this.#inner.delete(digests, options)
  }

  list(options?: CallOptions): AsyncIterable<Digest> {
    return this.#inner.list(options)
  }

  stat(): Promise<{ blocks: number; storedBytes: number }> {
    return this.#inner.stat()
  }

  async #check(
    frames: readonly Frame[],
    { what, options }: { what: string; options: CallOptions | undefined },
  ) {
    const valid = await this.#frames.verify(frames, options)
    const wrong = frames.filter((_, i) => valid[i] !== true)
    if (wrong.length === 0) return
    throw new IntegrityError(what, {
      data: { digests: wrong.slice(0, 10).map(({ digest }) => digestKey(digest)) },
    })
  }
}
