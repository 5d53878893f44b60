import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'

/** Time that fewer wait for company: a source that is slow or at its end sends no more. */
const WAIT_MS = 20

interface Question {
  readonly digests: readonly Digest[]
  readonly resolve: (held: boolean[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Asks a sink what it holds, for `together` batches with one call of `has`: a call costs a tracker more than its digests do.
 */
export class HeldQuestions {
  readonly #sink: Pick<BlockStore, 'has'>
  readonly #call: CallOptions
  readonly #together: number
  #waiting: Question[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(components: { sink: Pick<BlockStore, 'has'> }, init: { call: CallOptions; together: number }) {
    this.#sink = components.sink
    this.#call = init.call
    this.#together = init.together
  }

  /** For each digest, in order, whether the sink holds it. Errors: what `has` throws. */
  ask(digests: readonly Digest[]): Promise<boolean[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ digests, resolve, reject })
      if (this.#waiting.length >= this.#together) void this.#askAll()
      else this.#timer ??= setTimeout(() => void this.#askAll(), WAIT_MS)
    })
  }

  async #askAll(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
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
}
