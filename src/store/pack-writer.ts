import { type DigestKey, digestKey } from '../core/cid.ts'
import { AbortedError, StateError, StorageFullError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { PACK_BYTES_MAX } from '../core/limits.ts'
import type { FreeSpace } from './free-space.ts'
import { ENTRY_HEADER_BYTES, type PackedEntry, writeHeader } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { storageError } from './storage-errors.ts'

/** Stored bytes that share one write and one sync. Bounds what is in flight; larger groups gain nothing measurable. */
const GROUP_BYTES = 8 * 1024 * 1024

interface Task {
  readonly frames: readonly Frame[]
  readonly signal: AbortSignal | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface PackWriterInit {
  packBytesMax?: number | undefined
  /** False leaves syncing to the system: kill -9 still loses nothing, power loss may. */
  sync?: boolean | undefined
}

/** What was appended: the pack, the entries in the order of their frames, and the end of the last. */
export interface Appended {
  readonly file: PackFile
  readonly entries: readonly PackedEntry[]
  readonly end: number
}

/** Appends to the newest pack, one group at a time: data, sync, index. Puts that wait meanwhile make the next group. */
export class PackWriter {
  readonly #index: PackIndex
  readonly #files: PackFiles
  readonly #packBytesMax: number
  readonly #sync: boolean
  readonly #space: FreeSpace
  #active: PackFile | undefined
  #queue: Task[] = []
  #turn: Promise<unknown> = Promise.resolve()
  #pumping = false
  #closed = false

  constructor(
    components: { index: PackIndex; files: PackFiles; space: FreeSpace },
    init: PackWriterInit = {},
  ) {
    this.#index = components.index
    this.#files = components.files
    this.#space = components.space
    this.#packBytesMax = init.packBytesMax ?? PACK_BYTES_MAX
    this.#sync = init.sync ?? true
    this.#active = components.files.all().at(-1)
    this.#active?.retain()
  }

  /** The pack that is written to; undefined before the first write. */
  get active(): PackFile | undefined {
    return this.#active
  }

  put(frames: readonly Frame[], signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(new StateError('the store is closed'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ frames, signal, resolve, reject })
      if (!this.#pumping) void this.#pump()
    })
  }

  /** Runs `body` between two groups. */
  exclusive<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(body)
    this.#turn = result.catch(() => {})
    return result
  }

  /** Appends frames and makes them durable, without indexing them. Only within `exclusive`. */
  async append(frames: readonly Frame[]): Promise<Appended> {
    const file = await this.#room(frames)
    const { entries, buffers, end } = layOut(frames, file.size)
    try {
      await file.append(buffers)
      if (this.#sync) await file.datasync()
    } catch (error) {
      await this.undo(file, error)
      throw error
    }
    return { file, entries, end }
  }

  /** Cuts what was appended behind `file.size`, after a failure. A pack that fails otherwise than by being full is not written again. */
  async undo(file: PackFile, error: unknown): Promise<void> {
    try {
      await file.truncate(file.size)
      if (!(storageError(error, '') instanceof StorageFullError)) this.seal()
    } catch {
      this.seal()
    }
  }

  /** The next write begins a new pack. */
  seal(): void {
    this.#active?.release()
    this.#active = undefined
  }

  /** Resolves when everything that was put is written. */
  async flush(): Promise<void> {
    while (this.#pumping) await this.exclusive(async () => {})
    await this.#turn
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    this.#active?.release()
    this.#active = undefined
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#queue.length > 0) {
      const tasks = this.#nextGroup()
      try {
        await this.exclusive(() => this.#write(tasks.flatMap(({ frames }) => frames)))
        for (const task of tasks) task.resolve()
      } catch (cause) {
        const error = storageError(cause, 'blocks cannot be stored')
        for (const task of tasks) task.reject(error)
      }
    }
    this.#pumping = false
  }

  #nextGroup(): Task[] {
    const group: Task[] = []
    let bytes = 0
    for (let task = this.#queue[0]; task !== undefined && bytes < GROUP_BYTES; task = this.#queue[0]) {
      this.#queue.shift()
      if (task.signal?.aborted) {
        task.reject(new AbortedError('stopped', { cause: task.signal.reason }))
        continue
      }
      group.push(task)
      for (const frame of task.frames) bytes += frame.bytes.length
    }
    return group
  }

  /** Until the index has them all: a block that was there may be deleted while the others are written. */
  async #write(frames: readonly Frame[]): Promise<void> {
    for (let missing = this.#missing(frames); missing.length > 0; ) {
      const { removals } = this.#index
      for (const slice of slices(missing, Math.min(GROUP_BYTES, this.#packBytesMax)))
        await this.#writeSlice(slice)
      missing = this.#index.removals === removals ? [] : this.#missing(frames)
    }
    await this.#files.trim()
  }

  async #writeSlice(frames: readonly Frame[]): Promise<void> {
    await this.#space.take(frames.reduce((sum, { bytes }) => sum + ENTRY_HEADER_BYTES + bytes.length, 0))
    const { file, entries, end } = await this.append(frames)
    try {
      this.#index.insert(file.id, entries, end)
    } catch (error) {
      await this.undo(file, error)
      throw error
    }
    file.size = end
  }

  #missing(frames: readonly Frame[]): Frame[] {
    const missing = new Map<DigestKey, Frame>()
    for (const frame of frames)
      if (!this.#index.has(frame.digest)) missing.set(digestKey(frame.digest), frame)
    return [...missing.values()]
  }

  /** The pack that the frames go to: the active one while they fit, or a new one. */
  async #room(frames: readonly Frame[]): Promise<PackFile> {
    let bytes = 0
    for (const frame of frames) bytes += ENTRY_HEADER_BYTES + frame.bytes.length
    if (this.#active !== undefined && this.#active.size + bytes <= this.#packBytesMax) return this.#active
    const file = await this.#files.create()
    this.seal()
    file.retain()
    this.#active = file
    return file
  }
}

function layOut(frames: readonly Frame[], start: number) {
  const headers = Buffer.allocUnsafeSlow(frames.length * ENTRY_HEADER_BYTES)
  const buffers: Uint8Array[] = []
  const entries: PackedEntry[] = []
  let end = start
  frames.forEach((frame, i) => {
    const { digest, codec, length, bytes } = frame
    const at = i * ENTRY_HEADER_BYTES
    writeHeader(headers, at, frame)
    buffers.push(headers.subarray(at, at + ENTRY_HEADER_BYTES), bytes)
    entries.push({ digest, codec, length, stored: bytes.length, offset: end })
    end += ENTRY_HEADER_BYTES + bytes.length
  })
  return { entries, buffers, end }
}

/** Frames in pieces of `bytesMax` stored bytes at most, or of one frame. */
function* slices(frames: readonly Frame[], bytesMax: number): Generator<Frame[]> {
  let slice: Frame[] = []
  let bytes = 0
  for (const frame of frames) {
    if (slice.length > 0 && bytes + frame.bytes.length > bytesMax) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(frame)
    bytes += ENTRY_HEADER_BYTES + frame.bytes.length
  }
  if (slice.length > 0) yield slice
}
