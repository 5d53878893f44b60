import { open, stat } from 'node:fs/promises'
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

/** Opens a store that keeps each block in a file of its own. Errors: StorageError, StorageFullError. */
export async function openFsStore(init: { dir: string }): Promise<FsStore> {
  const inner = new FsBlockstore(init.dir)
  await onDisk(`the store ${init.dir} cannot be opened`, () => inner.open())
  return new FsStore(inner)
}

/** Files written at a time: their syncs share commits of the file system's journal. */
const WRITES_MAX = 8

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

  constructor(inner: FsBlockstore) {
    this.#inner = inner
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

  async close(): Promise<void> {
    await Promise.allSettled([...this.#writing.values()])
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
    await onDisk('a block cannot be written', async () => {
      await syncFile(this.#pathOf(digest))
      await syncDirectory(this.#dirOf(digest))
    })
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

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
