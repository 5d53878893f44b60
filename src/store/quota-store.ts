import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import { QuotaError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'

export interface QuotaInit {
  storedBytesMax: number
  /** What to do about a full store, for the message of QuotaError. */
  advice?: string
}

/** Refuses to hold more than `storedBytesMax` stored bytes. Blocks that are held already cost nothing. */
export class QuotaStore implements BlockStore {
  readonly #inner: BlockStore
  readonly #init: QuotaInit
  /** Bytes of each batch that is let in and not yet stored. */
  readonly #entering = new Map<Promise<void>, number>()
  #turn: Promise<unknown> = Promise.resolve()
  #ended = 0

  constructor(components: { store: BlockStore }, init: QuotaInit) {
    this.#inner = components.store
    this.#init = init
  }

  has(digests: readonly Digest[], options?: CallOptions): Promise<boolean[]> {
    return this.#inner.has(digests, options)
  }

  get(digests: readonly Digest[], options?: CallOptions): Promise<(Frame | undefined)[]> {
    return this.#inner.get(digests, options)
  }

  /** Throws QuotaError, with sizes in `data`, before anything of the batch is stored. */
  async put(frames: readonly Frame[], options?: CallOptions): Promise<void> {
    const unique = new Map<DigestKey, Frame>()
    for (const frame of frames) unique.set(digestKey(frame.digest), frame)
    const batch = [...unique.values()]
    const leave = await this.#enter(batch, options)
    try {
      await this.#inner.put(batch, options)
    } finally {
      leave()
    }
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

  /** Takes room for a batch, one after the other, so that two do not share the same; the returned function gives it back. */
  #enter(batch: readonly Frame[], options: CallOptions | undefined): Promise<() => void> {
    const entered = this.#turn.then(async () => {
      const bytes = await this.#room(batch, options)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#entering.set(promise, bytes)
      return () => {
        this.#entering.delete(promise)
        this.#ended++
        resolve()
      }
    })
    this.#turn = entered.catch(() => {})
    return entered
  }

  /** Bytes that a batch adds, when there is room for them. */
  async #room(batch: readonly Frame[], options: CallOptions | undefined): Promise<number> {
    for (;;) {
      const ended = this.#ended
      const neededBytes = await this.#needed(batch, options)
      const { storedBytes } = await this.#inner.stat()
      const enteringBytes = [...this.#entering.values()].reduce((sum, bytes) => sum + bytes, 0)
      const { storedBytesMax, advice } = this.#init
      if (neededBytes === 0 || storedBytes + enteringBytes + neededBytes <= storedBytesMax) return neededBytes
      // What is being stored may be counted twice, or turn out to be the same blocks: only a quiet store is full.
      if (this.#entering.size === 0 && ended === this.#ended) {
        const data = { storedBytes, neededBytes, storedBytesMax }
        throw new QuotaError(`the store is at its limit${advice === undefined ? '' : `: ${advice}`}`, {
          data,
        })
      }
      if (this.#entering.size > 0) await Promise.race(this.#entering.keys())
    }
  }

  async #needed(batch: readonly Frame[], options: CallOptions | undefined): Promise<number> {
    const digests = batch.map(({ digest }) => digest)
    const held = await this.#inner.has(digests, options)
    return batch.reduce((sum, { bytes }, i) => (held[i] === true ? sum : sum + bytes.length), 0)
  }
}
