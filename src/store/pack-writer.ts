import { type DigestKey, digestKey } from '../core/cid.ts'
import { AbortedError, StateError, StorageError, StorageFullError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { PACK_BYTES_MAX } from '../core/limits.ts'
import type { FreeSpace } from './free-space.ts'
import { ENTRY_HEADER_BYTES, type PackedEntry } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { entriesAt, PackLayout, slices } from './pack-layout.ts'
import { storageError } from './storage-errors.ts'
import { Unsynced } from './unsynced.ts'

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
  /**
   * True: `put` does not wait for the disk. At most 32 MiB and a second later it is there, and before its row is in the index; `sync` waits for it.
   * kill -9 loses nothing, power loss what was put since.
   */
  syncBehind?: boolean | undefined
}

/** What was appended: the pack, the entries in the order of their frames, and the end of the last. */
export interface Appended {
  readonly file: PackFile
  readonly entries: readonly PackedEntry[]
  readonly end: number
}

/** Appends to the newest pack, one group at a time: data, sync, index (a sync for many groups where it may come behind). Puts that wait meanwhile make the next group. */
export class PackWriter {
  readonly #index: PackIndex
  readonly #files: PackFiles
  readonly #packBytesMax: number
  readonly #sync: boolean
  readonly #unsynced: Unsynced | undefined
  readonly #space: FreeSpace
  readonly #layout = new PackLayout()
  #active: PackFile | undefined
  #queue: Task[] = []
  #turn: Promise<unknown> = Promise.resolve()
  #pumping = false
  #closed = false
  /** Why what was put may be lost: nothing is taken until the store is opened again. */
  #failure: unknown

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
    if (!this.#sync || init.syncBehind !== true) return
    this.#unsynced = new Unsynced()
    this.#index.beforeWrite = () => this.#syncNow()
    this.#index.whenDue = () => {
      // Whoever puts next meets a failure.
      this.exclusive(() => this.#writeIndex()).catch(() => {})
    }
  }

  /** The pack that is written to; undefined before the first write. */
  get active(): PackFile | undefined {
    return this.#active
  }

  put(frames: readonly Frame[], signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(new StateError('the store is closed'))
    if (this.#failure !== undefined) return Promise.reject(this.#lost())
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
    return await this.#append(frames, async (file) => {
      if (!this.#sync) return
      // A failure is told once: to the sync that is under way, perhaps.
      await this.#unsynced?.settled()
      // What was put into the same pack before, and not synced, may be lost with it.
      if (this.#unsynced === undefined) await file.datasync()
      else await this.#orLose(file.datasync())
    })
  }

  async #append(
    frames: readonly Frame[],
    written: (file: PackFile, bytes: number) => Promise<void> | undefined,
  ): Promise<Appended> {
    const file = await this.#room(frames)
    const { entries, end } = entriesAt(frames, file.size)
    try {
      await file.append(this.#layout.writes(frames))
      await written(file, end - file.size)
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

  /** Resolves when everything that was put is on the disk. */
  async sync(): Promise<void> {
    await this.flush()
    await this.exclusive(() => this.#syncBehind())
    if (this.#failure !== undefined) throw this.#lost()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    // What is lost was told to whoever waits for `sync`.
    await this.exclusive(() => this.#syncBehind()).catch(() => {})
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
    const { file, entries, end } = await this.#appendBehind(frames)
    try {
      this.#index.insert(file.id, entries, end)
    } catch (error) {
      await this.undo(file, error)
      throw error
    }
    file.size = end
  }

  #appendBehind(frames: readonly Frame[]): Promise<Appended> {
    const unsynced = this.#unsynced
    if (unsynced === undefined) return this.append(frames)
    if (this.#failure !== undefined) return Promise.reject(this.#lost())
    return this.#append(frames, async (file, bytes) => {
      unsynced.add(file, bytes)
      await this.#keepUp(unsynced)
      if (this.#failure !== undefined) throw this.#lost()
    })
  }

  /** Has what was written synced, and then its rows written, while more is written: up to a bound of bytes and rows. */
  async #keepUp(unsynced: Unsynced): Promise<void> {
    const index = this.#index
    if (unsynced.isFull || index.isFull) await unsynced.settled()
    if (!(unsynced.isDue || index.isFull)) return
    index.cover()
    await unsynced.begin({ synced: () => this.#writeCovered(), failed: (error) => this.#lose(error) })
  }

  #writeCovered(): void {
    try {
      this.#index.writeCovered()
    } catch {
      // The rows go on waiting: who writes next meets the same failure and reports it.
    }
  }

  async #writeIndex(): Promise<void> {
    await this.#syncBehind()
    this.#index.flush()
  }

  async #syncBehind(): Promise<void> {
    await this.#orLose(this.#unsynced?.sync())
  }

  async #orLose(sync: Promise<void> | undefined): Promise<void> {
    try {
      await sync
    } catch (error) {
      this.#lose(error)
      throw error
    }
  }

  #syncNow(): void {
    try {
      this.#unsynced?.syncNow()
    } catch (error) {
      this.#lose(error)
      throw error
    }
  }

  /** After a sync that failed the system may call the bytes written, which they are not: nobody may find them. */
  #lose(error: unknown): void {
    this.#failure ??= error
    this.#unsynced?.forget()
    this.#index.forgetWaiting()
    this.seal()
  }

  #lost(): Error {
    const cause = this.#failure
    return new StorageError('the disk has lost blocks: open the store again', { cause })
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
    await this.#syncBehind()
    const file = await this.#files.create()
    this.seal()
    file.retain()
    this.#active = file
    return file
  }
}
