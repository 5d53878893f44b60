import type { CallOptions } from '../../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../../core/cid.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { SeedBook } from './seed-book.ts'
import { openSeed } from './seed-file.ts'
import type { SeedFile, SeedPlace } from './seed-index.ts'
import type { SeedReader } from './seed-reader.ts'

/** Digests that are looked up before others have their turn. */
const LOOKUPS_AT_ONCE = 128

/** Finds blocks in seeds and has them read, one seed after the other. */
export class SeedBringer {
  readonly #book: SeedBook
  readonly #reader: SeedReader
  readonly #log: Log
  readonly #directories: readonly string[]

  constructor(
    components: { book: SeedBook; reader: SeedReader; log: Log },
    init: { directories: readonly string[] },
  ) {
    this.#book = components.book
    this.#reader = components.reader
    this.#log = components.log
    this.#directories = init.directories
  }

  /** The blocks that are in the store by that. Errors: those of the store, AbortedError. */
  async bring(digests: readonly Digest[], { signal }: CallOptions): Promise<ReadonlySet<DigestKey>> {
    const brought = new Set<DigestKey>()
    // Again while seeds fall out: another may have the same blocks.
    for (let before = -1; before !== this.#book.usable().size; ) {
      before = this.#book.usable().size
      const open = digests.filter((digest) => !brought.has(digestKey(digest)))
      for (const [file, places] of await this.#find(open)) {
        if (signal?.aborted === true)
          throw new AbortedError('reading of seeds was stopped', { cause: signal.reason })
        await this.#bringFrom(file, { places, brought, call: signal === undefined ? {} : { signal } })
      }
    }
    return brought
  }

  /** A place for each digest that a seed has, by seed. */
  async #find(digests: readonly Digest[]): Promise<ReadonlyMap<SeedFile, SeedPlace[]>> {
    const usable = this.#book.usable()
    const found = new Map<SeedFile, SeedPlace[]>()
    if (usable.size === 0) return found
    try {
      for (const [i, digest] of digests.toSorted(Buffer.compare).entries()) {
        if (i % LOOKUPS_AT_ONCE === LOOKUPS_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
        const place = this.#book.index.find(digest).find((other) => usable.has(other.file))
        const file = place && usable.get(place.file)
        if (place === undefined || file === undefined) continue
        const places = found.get(file)
        if (places === undefined) found.set(file, [place])
        else places.push(place)
      }
      return found
    } catch (error) {
      this.#log.error({ err: error }, 'the index of seeds cannot be read')
      return new Map()
    }
  }

  async #bringFrom(
    file: SeedFile,
    init: { places: readonly SeedPlace[]; brought: Set<DigestKey>; call: CallOptions },
  ): Promise<void> {
    const seed = await openSeed(file.path, this.#directories).catch((cause: unknown) => {
      this.#book.unreadable(file, cause)
    })
    if (seed === undefined) return
    try {
      if (seed.identity !== file.identity) return this.#book.changed(file)
      const stored = (digest: DigestKey) => void init.brought.add(digest)
      const now = await this.#reader.bring(seed.handle, { places: init.places, stored }, init.call)
      if (now.state === 'changed') this.#book.changed(file)
      else if (now.state === 'unreadable') this.#book.unreadable(file, now.cause)
    } finally {
      await seed.handle.close()
    }
  }
}
