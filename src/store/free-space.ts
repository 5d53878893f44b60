import { statfs } from 'node:fs/promises'
import { StorageFullError } from '../core/errors.ts'
import { STORE_RESERVE_BYTES, STORE_RESERVE_SHARE } from '../core/limits.ts'

/** Bytes that may be written between two looks at the file system: others write to it too. */
const LOOK_AFTER_BYTES = 32 * 1024 * 1024

/** Keeps puts from taking the last room of a file system, which deleting and compacting need to make room again. */
export class FreeSpace {
  readonly #dir: string
  /** Bytes that may still be written before the next look. */
  #granted = 0

  constructor(dir: string) {
    this.#dir = dir
  }

  /** Throws StorageFullError when there is no room for `bytes` beside the reserve; what node:fs throws. */
  async take(bytes: number): Promise<void> {
    if (bytes > this.#granted) {
      const { bavail, bsize, blocks } = await statfs(this.#dir)
      const reserve = Math.min(STORE_RESERVE_BYTES, blocks * bsize * STORE_RESERVE_SHARE)
      const room = blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize - reserve
      if (room < bytes) {
        const data = { freeBytes: bavail * bsize, reserveBytes: reserve }
        throw new StorageFullError('the disk is full up to the room that deleting needs', { data })
      }
      this.#granted = Math.min(room, Math.max(bytes, LOOK_AFTER_BYTES))
    }
    this.#granted -= bytes
  }
}
