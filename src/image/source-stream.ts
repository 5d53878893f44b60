import type { Readable } from 'node:stream'
import type { CallOptions } from '../core/blockstore.ts'
import { AbortedError, StorageError } from '../core/errors.ts'
import type { ImageSource, SourceStep } from './image-source.ts'

/** Source for standard input or any other stream of unknown length. */
export class StreamSource implements ImageSource {
  readonly name: string
  readonly size = undefined
  readonly #stream: Readable
  readonly #chunks: AsyncIterator<Uint8Array>
  #left: Uint8Array = new Uint8Array()

  constructor(name: string, stream: Readable) {
    this.name = name
    this.#stream = stream
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async next(target: Uint8Array, { signal }: CallOptions = {}): Promise<SourceStep> {
    while (this.#left.length === 0) {
      if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
      const chunk = await this.#chunk(signal)
      if (chunk === undefined) return { kind: 'end' }
      this.#left = chunk
    }
    const taken = this.#left.subarray(0, target.length)
    target.set(taken)
    this.#left = this.#left.subarray(taken.length)
    return { kind: 'data', bytes: taken.length }
  }

  async close(): Promise<void> {
    this.#stream.destroy()
  }

  /** A read from a silent pipe lasts for ever: stopping destroys the stream. */
  async #chunk(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const stop = () => this.#stream.destroy()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const { done, value } = await this.#chunks.next()
      if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
      return done === true ? undefined : value
    } catch (cause) {
      if (cause instanceof AbortedError) throw cause
      if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
      throw new StorageError(`cannot read ${this.name}: ${(cause as NodeJS.ErrnoException).code}`, { cause })
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }
}
