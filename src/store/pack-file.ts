import { fdatasyncSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StorageError } from '../core/errors.ts'

/** FileHandle.writev, or what a test puts in its place. */
export type Writev = (file: FileHandle, buffers: readonly Uint8Array[], position: number) => Promise<number>

/** FileHandle.datasync, or what a test puts in its place. */
export type Datasync = (file: FileHandle) => Promise<void>

const writevOf: Writev = async (file, buffers, position) =>
  (await file.writev(buffers, position)).bytesWritten

/**
 * One pack file, opened when it is used. Who reads holds it (`retain`, `release`), so that compaction does not take it away.
 * Throws what node:fs throws.
 */
export class PackFile {
  readonly id: number
  readonly path: string
  /** Where the next entry goes. */
  size: number
  /** Order of last use, for closing the longest idle. */
  usedAt = 0
  readonly #writev: Writev
  readonly #datasync: Datasync
  readonly #openFiles: Set<PackFile> | undefined
  #handle: Promise<FileHandle> | undefined
  #descriptor: number | undefined
  #witness: FileHandle | undefined
  #holders = 0
  #whenFree: (() => void)[] = []

  /** The file is in `open` while it has a descriptor. */
  constructor(init: {
    id: number
    path: string
    size: number
    writev?: Writev | undefined
    datasync?: Datasync | undefined
    open?: Set<PackFile>
  }) {
    this.id = init.id
    this.path = init.path
    this.size = init.size
    this.#writev = init.writev ?? writevOf
    this.#datasync = init.datasync ?? ((file) => file.datasync())
    this.#openFiles = init.open
  }

  get isFree(): boolean {
    return this.#holders === 0
  }

  retain(): void {
    this.#holders++
  }

  release(): void {
    this.#holders--
    if (this.#holders === 0) for (const free of this.#whenFree.splice(0)) free()
  }

  /** Resolves when nobody holds it. */
  async free(): Promise<void> {
    while (this.#holders > 0) await new Promise<void>((resolve) => this.#whenFree.push(resolve))
  }

  /** The number of the open file, for threads of this process; good while the caller holds the file. */
  async descriptor(): Promise<number> {
    return (await this.#open()).fd
  }

  /** As `descriptor`, for whoever is done with it before it returns; undefined while the file is not open. */
  get descriptorNow(): number | undefined {
    return this.#descriptor
  }

  /** Fills buffers one after the other from `offset` on; returns how many bytes the file had for them. */
  readv(buffers: readonly Uint8Array[], offset: number): Promise<number> {
    return this.#use(async (file) => {
      let rest = buffers
      let filled = 0
      while (rest.length > 0) {
        const { bytesRead } = await file.readv(rest, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
        rest = skip(rest, bytesRead)
      }
      return filled
    })
  }

  /** Reads as many of `length` bytes as the file has. */
  read(offset: number, length: number): Promise<Buffer> {
    return this.#use(async (file) => {
      const buffer = Buffer.allocUnsafeSlow(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled === length ? buffer : buffer.subarray(0, filled)
    })
  }

  /** Writes behind the last entry without moving `size`, one write after the other. */
  append(writes: Iterable<readonly Uint8Array[]>): Promise<void> {
    return this.#use(async (file) => {
      let at = this.size
      for (const buffers of writes) {
        let rest = buffers
        while (rest.length > 0) {
          const written = await this.#writev(file, rest, at)
          if (written <= 0) throw new StorageError('a write to a pack wrote nothing')
          at += written
          rest = skip(rest, written)
        }
      }
    })
  }

  datasync(): Promise<void> {
    return this.#use((file) => this.#datasync(file))
  }

  /**
   * Makes `datasyncNow` right while a `datasync` is under way: the system tells each descriptor of a failure once (errseq, Linux 4.13), so it
   * needs one of its own, from before the failure.
   */
  async openWitness(): Promise<void> {
    this.#witness ??= await this.#use(() => open(this.path, 'r'))
  }

  /** As `datasync`, while the event loop waits. Of a file that is not open there is nothing to be synced. */
  datasyncNow(): void {
    const descriptor = this.#witness?.fd ?? this.#descriptor
    if (descriptor !== undefined) fdatasyncSync(descriptor)
  }

  truncate(size: number): Promise<void> {
    return this.#use((file) => file.truncate(size))
  }

  async close(): Promise<void> {
    const handle = this.#handle
    const witness = this.#witness
    this.#forgetHandle()
    this.#witness = undefined
    await witness?.close()
    if (handle !== undefined) await (await handle).close()
  }

  /** Holds the file meanwhile, so that nobody closes it under the call. */
  async #use<T>(task: (file: FileHandle) => Promise<T>): Promise<T> {
    this.retain()
    try {
      return await task(await this.#open())
    } finally {
      this.release()
    }
  }

  /** A handle that could not be opened is tried again by the next caller. */
  #open(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle
    const opening = open(this.path, 'r+')
    this.#handle = opening
    this.#openFiles?.add(this)
    opening.then(
      ({ fd }) => {
        if (this.#handle === opening) this.#descriptor = fd
      },
      () => {
        if (this.#handle === opening) this.#forgetHandle()
      },
    )
    return opening
  }

  #forgetHandle(): void {
    this.#handle = undefined
    this.#descriptor = undefined
    this.#openFiles?.delete(this)
  }
}

/** What is left of `buffers` behind their first `bytes` bytes. */
function skip(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes
  for (const [i, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(i + 1)]
    left -= buffer.length
  }
  return []
}
