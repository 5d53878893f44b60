import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { PAGE_BYTES } from '../../src/core/limits.ts'

const READ_BYTES = 1024 * 1024
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES)

/** What there is to say about the pages of an image and about those that it shares with others. */
export interface PageCount {
  /** Bytes of pages that are not zero, each occurrence counted. */
  readonly nonZeroBytes: number
  /** Bytes of different pages that are not zero. */
  readonly uniqueBytes: number
  /** Of these, bytes of pages that no earlier image has: what perfect 4 KiB deduplication would fetch. */
  readonly newBytes: number
}

/** Digests of 4 KiB pages, 52 bits of each: enough to tell a billion pages apart with an error of one in a thousand. */
export class PageSet {
  readonly #seen = new Set<number>()

  /** Adds every page of the file; says how many it had not. */
  async addFile(path: string): Promise<PageCount> {
    const own = new Set<number>()
    const count = { nonZeroBytes: 0, uniqueBytes: 0, newBytes: 0 }
    for await (const page of pagesOf(path)) {
      count.nonZeroBytes += page.length
      const key = Number.parseInt(hash('sha256', page).slice(0, 13), 16)
      if (own.has(key)) continue
      own.add(key)
      count.uniqueBytes += page.length
      if (this.#seen.has(key)) continue
      this.#seen.add(key)
      count.newBytes += page.length
    }
    return count
  }
}

/** Pages that are not zero, in order; the last may be short. A page is valid until the next is asked for. */
async function* pagesOf(path: string): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at)
      if (bytesRead === 0) return
      at += bytesRead
      for (let from = 0; from < bytesRead; from += PAGE_BYTES) {
        const page = buffer.subarray(from, Math.min(from + PAGE_BYTES, bytesRead))
        if (page.compare(ZERO_PAGE, 0, page.length) !== 0) yield page
      }
    }
  } finally {
    await file.close()
  }
}
