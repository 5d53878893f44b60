import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FsBlockstore } from 'blockstore-fs'
import { NextToLast } from 'blockstore-fs/sharding'
import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey, digestOf, digestOfCid, nodeCid } from '../core/cid.ts'
import { AbortedError, IntegrityError, StorageFullError } from '../core/errors.ts'
import { CODEC_RAW, type Frame } from '../core/frame.ts'
import { inflateFrame } from '../core/frame-codec.ts'
import { NODE_BYTES_MAX } from '../core/limits.ts'
import { checkFrame } from './check-frame.ts'
import { syncDirectory } from './pack-files.ts'
import { errnoOf, onDisk, storageError } from './storage-errors.ts'

export interface FsStoreInit {
  readonly dir: string
  /**
   * A put does not wait until the power may fail: files are synced behind it, and `flush` waits for that. For what can be fetched again, and
   * is looked at when it is read.
   */
  readonly syncBehind?: boolean
  /** Makes a file in a folder survive a power failure; the system's calls unless given. */
  readonly sync?: (file: string, folder: string) => Promise<void>
}

/** Opens a store that keeps each block in a file of its own. Errors: StorageError, StorageFullError. */
export async function openFsStore(init: FsStoreInit): Promise<FsStore> {
  const inner = new FsBlockstore(init.dir)
  await onDisk(`the store ${init.dir} cannot be opened`, () => inner.open())
  return new FsStore(inner, init)
}

/** Files written at a time: their syncs share commits of the file system's journal. */
const WRITES_MAX = 8
/** Files that wait to be synced, before a put waits for them. */
const UNSYNCED_MAX = 64

/**
 * One file per block, uncompressed, written by blockstore-fs: good for manifests and segment nodes, which are few and worth being
 * inspectable; 4,000 blocks a second. Frames come back raw. Blocks are hashed when they are read: IntegrityError when a file was damaged.
 *
 * blockstore-fs answers every failure of a read with "not found" and keeps only the text of other failures, so files are looked at here.
 */
export class FsStore implements BlockStore {
  readonly #inner: FsBlockstore
  readonly #sharding = new NextToLast()
  /** Two writers of one file would share one temporary file. */
  readonly #writing = new Map<DigestKey, Promise<void>>()
  readonly #syncsBehind: boolean
  readonly #syncFile: NonNullable<FsStoreInit['sync']>
  readonly #unsynced: Digest[] = []
  #syncing: Promise<void> | undefined
  /** Why files could not be synced, until somebody was told. */
  #syncFailure: unknown

  constructor(inner: FsBlockstore, { syncBehind = false, sync = syncToDisk }: FsStoreInit) {
    this.#inner = inner
    this.#syncsBehind = syncBehind
    this.#syncFile = sync
  }

  async has(digests: readonly Digest[], options: CallOptions = {}): Promise<boolean[]> {
    const sizes = await this.sizes(digests, options)
    return sizes.map((size) => size > 0)
  }

  async get(digests: readonly Digest[], options: CallOptions = {}): Promise<(Frame | undefined)[]> {
    const answer: (Frame | undefined)[] = []
    for (const digest of digests) answer.push(await this.#read(digest, options))
    return answer
  }

  async put(frames: readonly Frame[], options: CallOptions = {}): Promise<void> {
    for (const frame of frames) checkFrame(frame)
    for (let at = 0; at < frames.length; at += WRITES_MAX) {
      stopIfAborted(options.signal)
      const writes = frames.slice(at, at + WRITES_MAX).map((frame) => this.#writeInTurn(frame))
      for (const result of await Promise.allSettled(writes)) {
        if (result.status === 'rejected') throw result.reason
      }
    }
  }

  async #writeInTurn(frame: Frame): Promise<void> {
    const key = digestKey(frame.digest)
    const before = this.#writing.get(key) ?? Promise.resolve()
    const writing = before.catch(() => {}).then(() => this.#write(frame))
    this.#writing.set(key, writing)
    try {
      await writing
    } finally {
      if (this.#writing.get(key) === writing) this.#writing.delete(key)
    }
  }

  async delete(digests: readonly Digest[], options: CallOptions = {}): Promise<void> {
    for (const digest of digests) {
      stopIfAborted(options.signal)
      await this.#inner.delete(nodeCid(digest)).catch((cause: unknown) => {
        throw writeError(cause, 'a block cannot be deleted')
      })
    }
  }

  async *list(options: CallOptions = {}): AsyncIterable<Digest> {
    try {
      for await (const { cid } of this.#inner.getAll()) {
        stopIfAborted(options.signal)
        yield digestOfCid(nodeCid(cid.multihash.digest))
      }
    } catch (cause) {
      throw storageError(cause, 'the blocks cannot be listed')
    }
  }

  /** Looks at every file: for stores of few blocks. */
  async stat(): Promise<{ blocks: number; storedBytes: number }> {
    let blocks = 0
    let storedBytes = 0
    for await (const digest of this.list()) {
      blocks++
      storedBytes += await this.#size(digest)
    }
    return { blocks, storedBytes }
  }

  /** Bytes of each block, in order; 0 where the store does not hold it. */
  async sizes(digests: readonly Digest[], options: CallOptions = {}): Promise<number[]> {
    const sizes: number[] = []
    for (const digest of digests) {
      stopIfAborted(options.signal)
      sizes.push(await this.#size(digest))
    }
    return sizes
  }

  /** Resolves when what was put so far survives a power failure. Errors: StorageError. */
  async flush(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing
    const failure = this.#syncFailure
    this.#syncFailure = undefined
    if (failure !== undefined) throw failure
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#writing.values()])
    await this.#syncing
    await this.#inner.close()
  }

  #dirOf(digest: Digest): string {
    return join(this.#inner.path, this.#sharding.encode(nodeCid(digest)).dir)
  }

  #pathOf(digest: Digest): string {
    return join(this.#dirOf(digest), this.#sharding.encode(nodeCid(digest)).file)
  }

  /** 0 when there is no file; an empty file, which power loss may leave behind, is no block either. */
  async #size(digest: Digest): Promise<number> {
    try {
      return (await stat(this.#pathOf(digest))).size
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return 0
      throw storageError(cause, 'a block cannot be looked at')
    }
  }

  async #read(digest: Digest, { signal }: CallOptions): Promise<Frame | undefined> {
    stopIfAborted(signal)
    const size = await this.#size(digest)
    if (size === 0) return undefined
    const damaged = new IntegrityError('a stored block is damaged', { data: { digest: digestKey(digest) } })
    if (size > NODE_BYTES_MAX) throw damaged
    const pieces: Uint8Array[] = []
    try {
      for await (const piece of this.#inner.get(nodeCid(digest))) pieces.push(piece)
    } catch (cause) {
      if ((await this.#size(digest)) === 0) return undefined
      throw storageError(cause, 'a block cannot be read')
    }
    const bytes = Buffer.concat(pieces)
    if (Buffer.compare(digestOf(bytes), digest) !== 0) throw damaged
    return { digest, codec: CODEC_RAW, length: bytes.length, bytes }
  }

  async #write(frame: Frame): Promise<void> {
    const { digest, length } = frame
    if ((await this.#size(digest)) === length) return
    const bytes = inflateFrame(frame)
    await this.#inner.put(nodeCid(digest), bytes).catch((cause: unknown) => {
      throw writeError(cause, 'a block cannot be written')
    })
    if (!this.#syncsBehind) {
      return await this.#sync(digest).catch(async (error: unknown) => {
        throw await this.#withdraw(digest, error)
      })
    }
    this.#unsynced.push(digest)
    this.#syncing ??= this.#syncAll()
    if (this.#unsynced.length > UNSYNCED_MAX) await this.flush()
  }

  /** Does not throw: `flush` does. */
  async #syncAll(): Promise<void> {
    while (this.#unsynced.length > 0) {
      const syncs = this.#unsynced.splice(0, WRITES_MAX).map((digest) => this.#syncWhatIsHere(digest))
      for (const result of await Promise.allSettled(syncs))
        if (result.status === 'rejected') this.#syncFailure ??= result.reason
    }
    this.#syncing = undefined
  }

  /** It may have been deleted meanwhile. */
  async #syncWhatIsHere(digest: Digest): Promise<void> {
    await this.#sync(digest).catch(async (error: unknown) => {
      if ((await this.#size(digest)) > 0) throw await this.#withdraw(digest, error)
    })
  }

  /** What could not be synced does not stay: a later sync would say that all is well, and whoever puts the block again would find it here. */
  async #withdraw(digest: Digest, failure: unknown): Promise<unknown> {
    await rm(this.#pathOf(digest), { force: true }).catch(() => {})
    return failure
  }

  async #sync(digest: Digest): Promise<void> {
    await onDisk('a block cannot be written', () => this.#syncFile(this.#pathOf(digest), this.#dirOf(digest)))
  }
}

/** Failures of blockstore-fs carry the system's error only in their text. */
function writeError(cause: unknown, what: string) {
  const text = String(cause)
  if (/\b(ENOSPC|EDQUOT|EFBIG)\b/.test(text))
    return new StorageFullError(`${what}: the disk is full`, { cause })
  return storageError(cause, what)
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError('stopped', { cause: signal.reason })
}

async function syncToDisk(file: string, folder: string): Promise<void> {
  const handle = await open(file, 'r')
  try {
    await handle.datasync()
  } finally {
    await handle.close()
  }
  await syncDirectory(folder)
}
