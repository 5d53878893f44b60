import type { Digest } from '../core/cid.ts'
import type { Location } from './pack-entry.ts'
import { WaitingRows } from './waiting-rows.ts'

/** Rows, and for each pack the end of its last entry. */
export interface Batch {
  rows: WaitingRows
  ends: Map<number, number>
}

/**
 * What an index does not have in its tables yet, in two batches: entries whose bytes are being synced, and those that came since. So the rows of one
 * are written when the disk has it, while the other fills.
 */
export class WaitingEntries {
  #fresh: Batch = { rows: new WaitingRows(), ends: new Map() }
  #covered: Batch = { rows: new WaitingRows(), ends: new Map() }

  /** Those that came since `cover`. */
  get freshCount(): number {
    return this.#fresh.rows.size
  }

  get count(): number {
    return this.#fresh.rows.size + this.#covered.rows.size
  }

  get storedBytes(): number {
    return this.#fresh.rows.storedBytes + this.#covered.rows.storedBytes
  }

  /** The first are older. */
  get batches(): readonly Batch[] {
    return [this.#covered, this.#fresh].filter(({ ends }) => ends.size > 0)
  }

  get covered(): Batch {
    return this.#covered
  }

  has(digest: Digest): boolean {
    return this.#fresh.rows.has(digest) || this.#covered.rows.has(digest)
  }

  find(digest: Digest): Location | undefined {
    return this.#fresh.rows.find(digest) ?? this.#covered.rows.find(digest)
  }

  /** Adds a row whose digest is not there yet. */
  add(digest: Digest, location: Location): void {
    this.#fresh.rows.add(digest, location)
  }

  ended(pack: number, end: number): void {
    this.#fresh.ends.set(pack, end)
  }

  /** What has come so far is about to be synced; later, if what was covered before still waits. */
  cover(): void {
    if (this.#covered.ends.size > 0) return
    const covered = this.#covered
    this.#covered = this.#fresh
    this.#fresh = covered
  }

  clear(): void {
    clear(this.#covered)
    clear(this.#fresh)
  }

  clearCovered(): void {
    clear(this.#covered)
  }
}

function clear({ rows, ends }: Batch): void {
  rows.clear()
  ends.clear()
}
