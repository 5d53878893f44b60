import { RUN_BLOCKS_MAX, SERVE_REPEATS_WATCHED_MAX } from '../../core/limits.ts'

/**
 * What a peer was given in one swarm: who asks for the same again and again comes last. A want is known by its run and its first block, as wants of one peer
 * for the same blocks begin with the same. State only: the last so many wants.
 */
export class Repeats {
  readonly #given = new Set<number>()

  /** The answer to a want was sent. `first`: the lowest wanted index in the run. */
  gave(run: number, first: number): void {
    if (this.#given.size >= SERVE_REPEATS_WATCHED_MAX) {
      for (const oldest of this.#given) {
        this.#given.delete(oldest)
        break
      }
    }
    this.#given.add(run * RUN_BLOCKS_MAX + first)
  }

  /** Whether the peer was given this before. */
  has(run: number, first: number): boolean {
    return this.#given.has(run * RUN_BLOCKS_MAX + first)
  }
}
