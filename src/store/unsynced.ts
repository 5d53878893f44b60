import type { PackFile } from './pack-file.ts'

const MiB = 1024 * 1024
/** Bytes that are written and not synced, at most, but for those of one write. A sync for each write of a few MiB took most of the time of a pull. */
const UNSYNCED_BYTES_MAX = 32 * MiB
/** Bytes written when a sync of them begins, if none is under way: half of the above, so that what is written meanwhile need not wait for it. */
const SYNC_BYTES = 16 * MiB

/** The end of a pack that is written and not yet known to be on the disk. Holds the file meanwhile. Throws what node:fs throws. */
export class Unsynced {
  #file: PackFile | undefined
  /** Written since the sync that is under way began. */
  #bytes = 0
  #underWay: { readonly bytes: number; readonly done: Promise<void> } | undefined

  /** Whether a sync is to begin. */
  get isDue(): boolean {
    return this.#bytes >= SYNC_BYTES && this.#underWay === undefined
  }

  /** Whether nothing more is to be written before the sync under way has ended. */
  get isFull(): boolean {
    return this.#underWay !== undefined && this.#bytes + this.#underWay.bytes >= UNSYNCED_BYTES_MAX
  }

  /** So many bytes more; what another file has must have been synced before. */
  add(file: PackFile, bytes: number): void {
    if (this.#file === undefined) file.retain()
    this.#file = file
    this.#bytes += bytes
  }

  /** Begins to sync what was added; more may be added meanwhile. How that ends is told, and nothing rejects. */
  async begin(events: { synced(): void; failed(error: unknown): void }): Promise<void> {
    const file = this.#file
    if (file === undefined || this.#underWay !== undefined) return
    await file.openWitness()
    const done = file.datasync()
    this.#underWay = { bytes: this.#bytes, done }
    this.#bytes = 0
    const end = () => {
      this.#underWay = undefined
      if (this.#bytes === 0) this.forget()
    }
    done.then(
      () => {
        end()
        events.synced()
      },
      (error: unknown) => {
        end()
        events.failed(error)
      },
    )
  }

  /** Resolves when no sync is under way; rejects when that fails. */
  async settled(): Promise<void> {
    await this.#underWay?.done
  }

  /** Nothing is to be added meanwhile. */
  async sync(): Promise<void> {
    await this.settled()
    if (this.#bytes > 0) await this.#file?.datasync()
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
