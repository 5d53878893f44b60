import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import { QuotaError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'

/** Refuses to hold more than `storedBytesMax` stored bytes. Blocks that are held already cost nothing. */
export class QuotaStore implements BlockStore {
  readonly #inner: BlockStore
  readonly #storedBytesMax: number
  #turn: Promise<unknown> = Promise.resolve()

  constructor(components: { store: BlockStore }, init: { storedBytesMax: number }) {
    this.#inner = components.store
    this.#storedBytesMax = init.storedBytesMax
  }

  has(digests: readonly Digest[], options?: CallOptions): Promise<boolean[]> {
    return this.#inner.has(digests, options)
  }

  get(digests: readonly Digest[], options?: CallOptions): Promise<(Frame | undefined)[]> {
    return this.#inner.get(digests, options)
  }

  /** Throws QuotaError, with sizes in `data`, before anything of the batch is stored. One batch at a time, so that two do not share the same room. */
  put(frames: readonly Frame[], options?: CallOptions): Promise<void> {
    const result = this.#turn.then(() => this.#put(frames, options))
    this.#turn = result.catch(() => {})
    return result
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

  async #put(frames: readonly Frame[], options: CallOptions | undefined): Promise<void> {
    const unique = new Map<DigestKey, Frame>()
    for (const frame of frames) unique.set(digestKey(frame.digest), frame)
    const all = [...unique.values()]
    const held = await this.#inner.has(
      all.map(({ digest }) => digest),
      options,
    )
    let neededBytes = 0
    for (const [i, { bytes }] of all.entries()) if (held[i] !== true) neededBytes += bytes.length
    const { storedBytes } = await this.#inner.stat()
    if (neededBytes > 0 && storedBytes + neededBytes > this.#storedBytesMax) {
      const data = { storedBytes, neededBytes, storedBytesMax: this.#storedBytesMax }
      throw new QuotaError('the store has reached its quota', { data })
    }
    await this.#inner.put(all, options)
  }
}
