import { rm } from 'node:fs/promises'
import type { BlockSeeds } from '../../core/block-seeds.ts'
import type { BlockStore, CallOptions } from '../../core/blockstore.ts'
import { type Digest, digestKey } from '../../core/cid.ts'
import type { Clock } from '../../core/clock.ts'
import {
  BootswarmError,
  ConflictError,
  LimitError,
  NotFoundError,
  StateError,
  StorageError,
  StorageFullError,
} from '../../core/errors.ts'
import { SEED_BLOCKS_MAX, SEED_FILES_MAX } from '../../core/limits.ts'
import type { Log } from '../../core/log.ts'
import { Limiter } from '../../util/limiter.ts'
import { ImageWorkers } from '../image-workers.ts'
import { openFileSource } from '../source-file.ts'
import { cutSeed } from './cut-seed.ts'
import { SeedBook } from './seed-book.ts'
import { SeedBringer } from './seed-bringer.ts'
import { type OpenSeed, openSeed } from './seed-file.ts'
import type { SeedFile, SeedPlace } from './seed-index.ts'
import { SeedReader } from './seed-reader.ts'

export interface SeedsComponents {
  readonly blocks: Pick<BlockStore, 'put'>
  readonly clock: Clock
  readonly log: Log
}

/** A seed as it is now: `missing` where it cannot be opened, `changed` where it is another file than when it was added. */
export interface SeedStat extends Omit<SeedFile, 'id' | 'identity'> {
  readonly state: 'current' | 'changed' | 'missing'
}

/** How far the reading of a file is, in bytes. */
export interface SeedProgress {
  readonly path: string
  readonly bytes: number
  readonly bytesTotal: number
}

interface Cutting {
  readonly id: number
  readonly path: string
  onProgress(progress: SeedProgress): void
}

/** Threads for cutting and packing: a pull has others beside it. */
const WORKERS_MAX = 2
/** Rows that are written together: more would hold the event loop for longer than 20 ms. */
const ROWS_AT_ONCE = 1024

/**
 * Local files whose blocks are used instead of fetched. The files stay where they are, and nothing depends on them once their blocks
 * are in the store.
 */
export class Seeds implements BlockSeeds {
  readonly #components: SeedsComponents
  readonly #directories: readonly string[]
  readonly #book: SeedBook
  readonly #workers = new ImageWorkers({ workersMax: WORKERS_MAX })
  readonly #bringer: SeedBringer
  /** One reads at a time, whatever the number of pulls: that bounds memory and leaves the disk to others. */
  readonly #turns = new Limiter({ max: 1 })
  readonly #closing = new AbortController()
  #adding: Promise<void> | undefined

  private constructor(components: SeedsComponents, init: { book: SeedBook; directories: readonly string[] }) {
    const { blocks, log } = components
    this.#components = components
    this.#directories = init.directories
    this.#book = init.book
    const reader = new SeedReader({ blocks, workers: this.#workers })
    this.#bringer = new SeedBringer({ book: init.book, reader, log }, init)
    void this.#book.sweep()
  }

  /** `path` is the index, which is made anew when it cannot be read: everything in it can be added again. */
  static async open(
    components: SeedsComponents,
    { path, directories }: { path: string; directories: readonly string[] },
  ): Promise<Seeds> {
    try {
      return new Seeds(components, { book: new SeedBook(components, { path }), directories })
    } catch (error) {
      components.log.warn({ path, err: error }, 'the index of seeds cannot be read: add them again')
      for (const end of ['', '-wal', '-shm']) await rm(path + end, { force: true })
      return new Seeds(components, { book: new SeedBook(components, { path }), directories })
    }
  }

  /** Ends what reads files; nothing is added or brought any more. */
  interrupt(): void {
    this.#closing.abort()
  }

  async close(): Promise<void> {
    this.interrupt()
    await this.#adding?.catch(() => {})
    await this.#turns.run(async () => {})
    await this.#workers.close()
    await this.#book.close()
  }

  async list(): Promise<SeedStat[]> {
    const stats: SeedStat[] = []
    for (const { id: _, identity, ...file } of this.#book.files) {
      const now = await this.#identityOf(file.path)
      const state = now === undefined ? 'missing' : now === identity ? 'current' : 'changed'
      stats.push({ ...file, state })
    }
    return stats
  }

  /**
   * Reads files from their first to their last byte and keeps where their blocks are. Errors: those of openSeed for any of the paths
   * before the first is read; ConflictError for a file that changes meanwhile, LimitError, StateError while others are added,
   * StorageError. Files before the one that failed stay added.
   */
  async add(
    paths: readonly string[],
    options: { onProgress?(progress: SeedProgress): void } = {},
  ): Promise<void> {
    if (this.#adding !== undefined)
      throw new StateError('seeds are being added already: try again when that has ended')
    this.#adding = this.#addAll(paths, (progress) => options.onProgress?.(progress))
    try {
      await this.#adding
    } finally {
      this.#adding = undefined
    }
  }

  /** Forgets seeds; the files stay. Throws NotFoundError when one is none, and then forgets nothing. */
  remove(paths: readonly string[]): void {
    const ids = paths.map((path) => {
      const file = this.#book.files.find((other) => other.path === path)
      if (file === undefined) throw new NotFoundError(`${path} is no seed: bootswarm node seed ls shows all`)
      return file.id
    })
    this.#book.drop(ids)
  }

  async bring(digests: readonly Digest[], { signal }: CallOptions = {}): Promise<boolean[]> {
    if (this.#book.files.length === 0) return digests.map(() => false)
    const ends = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])])
    const brought = await this.#turns.run(() => this.#bringer.bring(digests, { signal: ends }))
    return digests.map((digest) => brought.has(digestKey(digest)))
  }

  /** What is at the path now; undefined when nothing can be opened. */
  async #identityOf(path: string): Promise<string | undefined> {
    try {
      const { handle, identity } = await openSeed(path, this.#directories)
      await handle.close()
      return identity
    } catch {
      return undefined
    }
  }

  async #addAll(paths: readonly string[], onProgress: (progress: SeedProgress) => void): Promise<void> {
    for (const path of paths) await (await openSeed(path, this.#directories)).handle.close()
    for (const path of paths) await this.#add(path, onProgress)
  }

  async #add(path: string, onProgress: (progress: SeedProgress) => void): Promise<void> {
    const others = this.#book.files.filter((file) => file.path !== path)
    if (others.length >= SEED_FILES_MAX)
      throw new LimitError(`${SEED_FILES_MAX} files are seeds already: take some back`)
    const seed = await openSeed(path, this.#directories)
    const { identity, size } = seed
    try {
      const addedMs = this.#components.clock.now()
      const id = this.#book.index.begin({ path, identity, size, addedMs })
      await this.#cut(seed, { id, path, onProgress }).catch((error: unknown) => {
        this.#book.drop([id])
        throw error
      })
      this.#book.index.finish(id)
    } catch (error) {
      throw errorOf(path, error)
    } finally {
      await seed.handle.close()
      this.#book.reload()
    }
    void this.#book.sweep()
    this.#components.log.info({ path, bytes: size }, 'added a seed')
  }

  async #cut({ handle, stat, size }: OpenSeed, { id, path, onProgress }: Cutting): Promise<void> {
    const { signal } = this.#closing
    const { index } = this.#book
    const waiting: SeedPlace[] = []
    const source = await openFileSource(handle, { path, size, stat })
    for await (const { blocks, doneBytes } of cutSeed({ workers: this.#workers }, source, { signal })) {
      for (const block of blocks) waiting.push({ ...block, file: id })
      if (waiting.length >= ROWS_AT_ONCE) index.insert(waiting.splice(0))
      if (index.blocks > SEED_BLOCKS_MAX)
        throw new LimitError('the seeds have too many blocks: take some back')
      onProgress({ path, bytes: doneBytes, bytesTotal: size })
    }
    index.insert(waiting)
  }
}

/** SQLITE_FULL. */
const FULL = 13

function errorOf(path: string, cause: unknown): BootswarmError {
  if (cause instanceof ConflictError)
    return new ConflictError(`${path} was changed while it was read: add it when nothing writes to it`, {
      cause,
    })
  if (cause instanceof BootswarmError) return cause
  if ((cause as { errcode?: number }).errcode === FULL)
    return new StorageFullError('the disk is full: the index of seeds cannot be written', { cause })
  return new StorageError('the index of seeds cannot be written', { cause })
}
