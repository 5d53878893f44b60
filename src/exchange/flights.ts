import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'

/** Blocks on their way in one session, so that a block that several runs contain is wanted once. */
export class Flights {
  readonly #flying = new Map<DigestKey, Promise<void>>()

  /** Splits `indices` into blocks that nobody has wanted yet, and what to wait for instead of the others. */
  split(
    digests: readonly Digest[],
    indices: readonly number[],
  ): { free: number[]; awaited: Promise<void>[] } {
    const free: number[] = []
    const awaited = new Set<Promise<void>>()
    for (const i of indices) {
      const flight = this.#flying.get(digestKey(digests[i] as Digest))
      if (flight === undefined) free.push(i)
      else awaited.add(flight)
    }
    return { free, awaited: [...awaited] }
  }

  /** Resolves when those of these blocks that are on their way have landed; undefined when none is. */
  landing(digests: readonly Digest[]): Promise<unknown> | undefined {
    const flights = new Set(digests.flatMap((digest) => this.#flying.get(digestKey(digest)) ?? []))
    return flights.size === 0 ? undefined : Promise.all(flights)
  }

  /** Marks blocks as on their way until the returned function is called. */
  depart(digests: readonly Digest[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    const keys = digests.map(digestKey)
    for (const key of keys) this.#flying.set(key, promise)
    return () => {
      for (const key of keys) if (this.#flying.get(key) === promise) this.#flying.delete(key)
      resolve()
    }
  }
}
