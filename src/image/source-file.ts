import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { CallOptions } from '../core/blockstore.ts'
import { AbortedError, ConflictError, StorageError } from '../core/errors.ts'
import { PAGE_BYTES } from '../core/limits.ts'
import type { ImageSource, SourceStep } from './image-source.ts'
import { dataRanges, type Range } from './sparse-map.ts'

export interface FileSourceInit {
  readonly path: string
  readonly size: number
  readonly stat: BigIntStats
}

/** Source for a file or device that can be read at any place; takes `handle` over. */
export async function openFileSource(handle: FileHandle, init: FileSourceInit): Promise<ImageSource> {
  const { size, stat } = init
  const sparse = stat.isFile() && Number(stat.blocks) * 512 < size
  const ranges = sparse ? await dataRanges(handle.fd, size) : [{ start: 0, end: size }]
  return new FileSource(handle, { ...init, ranges: wholePages(ranges, size) })
}

/** Widens ranges of data to whole pages, so that holes are whole pages too, and joins those that then touch. */
export function wholePages(ranges: readonly Range[], size: number): Range[] {
  const pages: Range[] = []
  for (const { start, end } of ranges) {
    const from = start - (start % PAGE_BYTES)
    const to = Math.min(size, Math.ceil(end / PAGE_BYTES) * PAGE_BYTES)
    const before = pages[pages.length - 1]
    if (before !== undefined && from <= before.end) pages[pages.length - 1] = { start: before.start, end: to }
    else if (to > from) pages.push({ start: from, end: to })
  }
  return pages
}

class FileSource implements ImageSource {
  readonly name: string
  readonly size: number
  readonly #handle: FileHandle
  readonly #stat: BigIntStats
  readonly #ranges: readonly Range[]
  #range = 0
  #offset = 0

  constructor(handle: FileHandle, init: FileSourceInit & { ranges: readonly Range[] }) {
    this.name = init.path
    this.size = init.size
    this.#handle = handle
    this.#stat = init.stat
    this.#ranges = init.ranges
  }

  async next(target: Uint8Array, { signal }: CallOptions = {}): Promise<SourceStep> {
    if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
    if (this.#offset >= (this.#ranges[this.#range]?.end ?? Number.POSITIVE_INFINITY)) this.#range++
    const range = this.#ranges[this.#range]
    const dataStart = range?.start ?? this.size
    if (this.#offset < dataStart) {
      const bytes = dataStart - this.#offset
      this.#offset = dataStart
      return { kind: 'hole', bytes }
    }
    if (range === undefined) {
      await this.#checkUnchanged()
      return { kind: 'end' }
    }
    return this.#read(target.subarray(0, range.end - this.#offset))
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #read(target: Uint8Array): Promise<SourceStep> {
    const { bytesRead } = await this.#handle
      .read(target, 0, target.length, this.#offset)
      .catch((cause: NodeJS.ErrnoException) => {
        throw new StorageError(`cannot read ${this.name}: ${cause.code}`, { cause })
      })
    if (bytesRead === 0) throw new ConflictError(`${this.name} became shorter while it was read`)
    this.#offset += bytesRead
    return { kind: 'data', bytes: bytesRead }
  }

  async #checkUnchanged(): Promise<void> {
    if (!this.#stat.isFile()) return
    const now = await this.#handle.stat({ bigint: true })
    if (now.size !== this.#stat.size || now.mtimeNs !== this.#stat.mtimeNs) {
      throw new ConflictError(
        `${this.name} was changed while it was read: push it again when nothing writes to it`,
      )
    }
  }
}
