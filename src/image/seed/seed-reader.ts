import type { FileHandle } from 'node:fs/promises'
import type { BlockStore, CallOptions } from '../../core/blockstore.ts'
import { DIGEST_BYTES, type DigestKey, digestKey } from '../../core/cid.ts'
import { AbortedError } from '../../core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from '../../core/frame.ts'
import { RUN_BLOCKS_MAX, RUN_BYTES_MAX } from '../../core/limits.ts'
import { packedRoom } from '../../core/zstd.ts'
import type { ImageWorkers } from '../image-workers.ts'
import type { SeedPlace } from './seed-index.ts'

export interface SeedReaderComponents {
  readonly blocks: Pick<BlockStore, 'put'>
  readonly workers: ImageWorkers
}

/** What became of a seed while it was read. */
export type SeedState = { state: 'current' } | { state: 'changed' } | { state: 'unreadable'; cause: unknown }

/** What one batch works in. */
interface Memory {
  readonly read: Uint8Array<SharedArrayBuffer>
  readonly packed: Uint8Array<SharedArrayBuffer>
}

/** One batch is packed and stored while the next is read. */
const BATCHES_AT_ONCE = 2

/** Reads blocks of one file at a time, verifies them, and puts them into the store as frames. Memory: 5 MiB. */
export class SeedReader {
  readonly #components: SeedReaderComponents
  readonly #free: Memory[] = []

  constructor(components: SeedReaderComponents) {
    this.#components = components
  }

  /**
   * Puts the blocks at these places of a file, until one is not what it was; `stored` is told which are durable. Errors: those of the
   * store, AbortedError.
   */
  async bring(
    handle: FileHandle,
    init: { places: readonly SeedPlace[]; stored(digest: DigestKey): void },
    { signal }: CallOptions = {},
  ): Promise<SeedState> {
    const batches = batchesOf(init.places).values()
    let state: SeedState = { state: 'current' }
    let failed = false
    const lane = async () => {
      for (const batch of batches) {
        if (failed || state.state !== 'current') return
        if (signal?.aborted === true)
          throw new AbortedError('reading of seeds was stopped', { cause: signal.reason })
        const found = await this.#batch(handle, { ...init, places: batch })
        if (found.state !== 'current') state = found
      }
    }
    const lanes = Array.from({ length: BATCHES_AT_ONCE }, () =>
      lane().catch((error: unknown) => {
        failed = true
        throw error
      }),
    )
    const broken = (await Promise.allSettled(lanes)).find(({ status }) => status === 'rejected')
    if (broken?.status === 'rejected') throw broken.reason
    return state
  }

  async #batch(
    handle: FileHandle,
    { places, stored }: { places: readonly SeedPlace[]; stored(digest: DigestKey): void },
  ): Promise<SeedState> {
    const memory = this.#free.pop() ?? newMemory()
    try {
      const cause = await readPlaces(handle, places, memory.read).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (cause !== undefined) return { state: 'unreadable', cause }
      const frames = await this.#frames(places, memory)
      if (frames.length > 0) await this.#components.blocks.put(frames)
      for (const { digest } of frames) stored(digestKey(digest))
      return { state: frames.length < places.length ? 'changed' : 'current' }
    } finally {
      this.#free.push(memory)
    }
  }

  /** Frames of the blocks that are what they were. */
  async #frames(places: readonly SeedPlace[], { read, packed }: Memory): Promise<Frame[]> {
    const { workers } = this.#components
    const job = { bytes: read, places: startsOf(places), lengths: places.map(({ length }) => length) }
    // Without a signal: a thread that goes on must not write into memory of somebody else.
    const { bytes: digests } = await workers.run({ kind: 'hash', ...job })
    const right = places.map(
      ({ digest }, i) =>
        Buffer.compare(digest, digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)) === 0,
    )
    const { stored } = await workers.run({ kind: 'pack', ...job, target: packed })
    let end = 0
    return places.flatMap(({ digest, length }, i) => {
      const bytes = packed.subarray(end, end + (stored[i] ?? 0))
      end += bytes.length
      if (right[i] !== true) return []
      return [{ digest, codec: bytes.length < length ? CODEC_ZSTD : CODEC_RAW, length, bytes }]
    })
  }
}

function newMemory(): Memory {
  const room = packedRoom(RUN_BYTES_MAX) + RUN_BLOCKS_MAX * packedRoom(0)
  return {
    read: new Uint8Array(new SharedArrayBuffer(RUN_BYTES_MAX)),
    packed: new Uint8Array(new SharedArrayBuffer(room)),
  }
}

/** In the order of the file, each batch no more than a run. */
function batchesOf(places: readonly SeedPlace[]): SeedPlace[][] {
  const batches: SeedPlace[][] = []
  let bytes = RUN_BYTES_MAX
  for (const place of places.toSorted((a, b) => a.offset - b.offset)) {
    const last = batches.at(-1)
    if (last === undefined || bytes + place.length > RUN_BYTES_MAX || last.length === RUN_BLOCKS_MAX) {
      batches.push([place])
      bytes = place.length
    } else {
      last.push(place)
      bytes += place.length
    }
  }
  return batches
}

function startsOf(places: readonly SeedPlace[]): number[] {
  let at = 0
  return places.map(({ length }) => {
    at += length
    return at - length
  })
}

/**
 * Blocks that lie side by side are read at once. Past the end of the file the memory keeps what it held: what is in the memory is
 * verified, wherever it is from.
 */
async function readPlaces(
  handle: FileHandle,
  places: readonly SeedPlace[],
  target: Uint8Array,
): Promise<void> {
  let at = 0
  for (let first = 0; first < places.length; ) {
    const offset = places[first]?.offset ?? 0
    let bytes = 0
    while (places[first]?.offset === offset + bytes) bytes += places[first++]?.length ?? 0
    await readWhole(handle, { target: target.subarray(at, at + bytes), offset })
    at += bytes
  }
}

async function readWhole(
  handle: FileHandle,
  { target, offset }: { target: Uint8Array; offset: number },
): Promise<void> {
  let done = 0
  while (done < target.length) {
    const { bytesRead } = await handle.read(target, done, target.length - done, offset + done)
    if (bytesRead === 0) return
    done += bytesRead
  }
}
