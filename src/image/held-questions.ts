import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'

interface Question {
  readonly digests: readonly Digest[]
  readonly resolve: (held: boolean[]) => void
  readonly reject: (error: unknown) => void
}

/** Asks a sink what it holds, one call of `has` at a time: what is asked meanwhile makes the next call together. */
export class HeldQuestions {
  readonly #sink: Pick<BlockStore, 'has'>
  readonly #call: CallOptions
  #waiting: Question[] = []
  #asking = false

  constructor(components: { sink: Pick<BlockStore, 'has'> }, call: CallOptions) {
    this.#sink = components.sink
    this.#call = call
  }

  /** For each digest, in order, whether the sink holds it. Errors: what `has` throws. */
  ask(digests: readonly Digest[]): Promise<boolean[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ digests, resolve, reject })
      if (!this.#asking) void this.#askAll()
    })
  }

  async #askAll(): Promise<void> {
    this.#asking = true
    while (this.#waiting.length > 0) {
      const questions = this.#waiting.splice(0)
      try {
        const held = await this.#sink.has(
          questions.flatMap(({ digests }) => digests),
          this.#call,
        )
        let at = 0
        for (const { digests, resolve } of questions) {
          resolve(held.slice(at, at + digests.length))
          at += digests.length
        }
      } catch (error) {
        for (const { reject } of questions) reject(error)
      }
    }
    this.#asking = false
  }
}
