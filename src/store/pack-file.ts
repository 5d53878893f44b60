import { type FileHandle, open } from 'node:fs/promises'
import { StorageError } from '../core/errors.ts'

/** FileHandle.writev, or what a test puts in its place. */
export type Writev = (file: FileHandle, buffers: readonly Uint8Array[], position: number) => Promise<number>

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
  #handle: Promise<FileHandle> | undefined
  #holders = 0
  #whenFree: (() => void)[] = []

  constructor(init: { id: number; path: string; size: number; writev?: Writev | undefined }) {
    this.id = init.id
    this.path = init.path
    this.size = init.size
    this.#writev = init.writev ?? writevOf
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
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

  /** Reads as many of `length` bytes as the file has. */
  async read(offset: number, length: number): Promise<Buffer> {
    const file = await this.#open()
    const buffer = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled === length ? buffer : buffer.subarray(0, filled)
  }

  /** Writes behind the last entry without moving `size`. */
  async append(buffers: readonly Uint8Array[]): Promise<void> {
    const file = await this.#open()
    let rest = buffers
    let at = this.size
    while (rest.length > 0) {
      const written = await this.#writev(file, rest, at)
      if (written <= 0) throw new StorageError('a write to a pack wrote nothing')
      at += written
      rest = skip(rest, written)
    }
  }

  async datasync(): Promise<void> {
    await (await this.#open()).datasync()
  }

  async truncate(size: number): Promise<void> {
    await (await this.#open()).truncate(size)
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    if (handle !== undefined) await (await handle).close()
  }

  /** A handle that could not be opened is tried again by the next caller. */
  #open(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle
    const opening = open(this.path, 'r+')
    this.#handle = opening
    opening.catch(() => {
      if (this.#handle === opening) this.#handle = undefined
    })
    return opening
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
