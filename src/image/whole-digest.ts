import type { Digest } from '../core/cid.ts'
import { IMAGE_DIGEST_ZERO_BYTES_MAX } from '../core/limits.ts'
import { WorkerPool, workerModule } from '../util/worker-pool.ts'
import { ImageHasher, type ImageHasherStep, type ImagePart } from './image-hasher.ts'

/** An image of one batch up to this size is hashed at once, without a thread. */
const INLINE_BYTES_MAX = 1024 * 1024

/**
 * Digest of a whole image. sha-256 goes from the first byte to the last, so it has a thread of its own beside those that
 * hash blocks. Gives up as soon as the image has more than IMAGE_DIGEST_ZERO_BYTES_MAX zero bytes in spans, unless it `mustFinish`.
 */
export class WholeDigest {
  #inline: ImageHasher | undefined
  #pool: WorkerPool<ImageHasherStep, Digest | undefined> | undefined
  readonly #mustFinish: boolean
  #zeroBytes = 0
  #closed = false

  constructor(init: { mustFinish?: boolean } = {}) {
    this.#mustFinish = init.mustFinish ?? false
  }

  /** Whether the image has so many zero bytes that its manifest does not name the digest. */
  get isLeftOut(): boolean {
    return this.#zeroBytes > IMAGE_DIGEST_ZERO_BYTES_MAX
  }

  /** Takes the next part of the image; `last` says that nothing comes after it. Resolves when its bytes are read. */
  async update(part: ImagePart, last: boolean): Promise<void> {
    const { spans } = part
    for (const span of spans) if (span < 0) this.#zeroBytes -= span
    if (this.isLeftOut && !this.#mustFinish) await this.close()
    if (this.#closed) return
    if (this.#pool === undefined && last && sizeOf(spans) <= INLINE_BYTES_MAX)
      this.#inline = new ImageHasher()
    await this.#step(part)
  }

  /** The digest, or undefined when the image has too many zero bytes. */
  async finish(): Promise<Digest | undefined> {
    return this.#closed ? undefined : this.#step('finish')
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pool?.close()
  }

  async #step(step: ImageHasherStep): Promise<Digest | undefined> {
    if (this.#inline !== undefined) return this.#inline.step(step)
    const module = workerModule(import.meta.url, './whole-digest-worker')
    this.#pool ??= new WorkerPool({ module, workers: 1 })
    try {
      return await this.#pool.run(step)
    } catch (error) {
      if (this.#closed) return undefined
      throw error
    }
  }
}

function sizeOf(spans: readonly number[]): number {
  return spans.reduce((sum, span) => sum + Math.abs(span), 0)
}
