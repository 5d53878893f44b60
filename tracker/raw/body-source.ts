import type { CallOptions } from '../../src/core/blockstore.ts'
import { AbortedError, type BootswarmError, InvalidError } from '../../src/core/errors.ts'
import type { ImageSource, SourceStep } from '../../src/image/image-source.ts'
import { ClaimedHashes, type DigestClaim } from './body-digests.ts'

export interface BodySourceInit {
  /** For messages. */
  readonly name: string
  readonly body: AsyncIterable<Uint8Array>
  /** Bytes that must come; undefined when the end of the body says. */
  readonly bytes: number | undefined
  readonly claims: readonly DigestClaim[]
  /** Ends the body where it is; its reason is why. */
  readonly stop: AbortSignal
}

/**
 * The body of a request as a source of an image. It ends where the client breaks off too, and says so: what came is not
 * lost. Errors: InvalidError when more comes than was announced.
 */
export class BodySource implements ImageSource {
  readonly name: string
  readonly size = undefined
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #bytes: number | undefined
  readonly #hashes: ClaimedHashes
  readonly #stop: AbortSignal
  #left: Uint8Array = new Uint8Array()
  #came = 0
  #cut: BootswarmError | undefined

  constructor(init: BodySourceInit) {
    this.name = init.name
    this.#pieces = init.body[Symbol.asyncIterator]()
    this.#bytes = init.bytes
    this.#hashes = new ClaimedHashes(init.claims)
    this.#stop = init.stop
  }

  /** Bytes that came. */
  get came(): number {
    return this.#came
  }

  /** Why there was no more; undefined when all came. */
  get cut(): BootswarmError | undefined {
    return this.#cut
  }

  /** Whether the bytes are what the client says. Throws IntegrityError. To be called once, at the end. */
  check(): void {
    this.#hashes.check()
  }

  async next(target: Uint8Array, { signal }: CallOptions = {}): Promise<SourceStep> {
    while (this.#left.length === 0) {
      if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
      const piece = this.#cut === undefined ? await this.#next() : undefined
      if (piece === undefined) return { kind: 'end' }
      this.#take(piece)
    }
    const taken = this.#left.subarray(0, target.length)
    target.set(taken)
    this.#left = this.#left.subarray(taken.length)
    return { kind: 'data', bytes: taken.length }
  }

  /** Not waited for: a body that was cut here may never say more. */
  async close(): Promise<void> {
    this.#pieces.return?.()?.catch(() => {})
  }

  #take(piece: Uint8Array): void {
    this.#came += piece.length
    if (this.#came > (this.#bytes ?? this.#came))
      throw new InvalidError(`more than the ${this.#bytes} announced bytes came`)
    this.#hashes.update(piece)
    this.#left = piece
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#nextUnlessStopped()
      if (done !== true) return value
      if (this.#came < (this.#bytes ?? 0)) this.#cut = new AbortedError('the body ended early')
    } catch (error) {
      if (!(error instanceof AbortedError || error === this.#stop.reason)) throw error
      this.#cut = error as BootswarmError
    }
    return undefined
  }

  #nextUnlessStopped(): Promise<IteratorResult<Uint8Array>> {
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array>>()
    const stop = () => reject(this.#stop.reason)
    if (this.#stop.aborted) stop()
    else this.#pieces.next().then(resolve, reject)
    this.#stop.addEventListener('abort', stop, { once: true })
    return promise.finally(() => this.#stop.removeEventListener('abort', stop))
  }
}
