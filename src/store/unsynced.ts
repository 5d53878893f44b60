import type { PackFile } from './pack-file.ts'

/** Bytes that are written and not synced, at most, but for those of one write. A sync for each write of a few MiB took most of the time of a pull. */
const UNSYNCED_BYTES_MAX = 32 * 1024 * 1024

/** The end of a pack that is written and not yet known to be on the disk. Holds the file meanwhile. Throws what node:fs throws. */
export class Unsynced {
  #file: PackFile | undefined
  #bytes = 0

  /** Whether it is time. */
  get isDue(): boolean {
    return this.#bytes >= UNSYNCED_BYTES_MAX
  }

  /** So many bytes more; what another file has must have been synced before. */
  add(file: PackFile, bytes: number): void {
    if (this.#file === undefined) file.retain()
    this.#file = file
    this.#bytes += bytes
  }

  /** Nothing is to be added meanwhile. */
  async sync(): Promise<void> {
    await this.#file?.datasync()
    this.forget()
  }

  /** As `sync`, while everything waits: for the few who cannot. */
  syncNow(): void {
    this.#file?.datasyncNow()
    this.forget()
  }

  forget(): void {
    this.#file?.release()
    this.#file = undefined
    this.#bytes = 0
  }
}
