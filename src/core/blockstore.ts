import type { Digest } from './cid.ts'
import type { Frame } from './frame.ts'

/** Options of one call. */
export interface CallOptions {
  signal?: AbortSignal
}

/**
 * Content-addressed store of blocks (and of manifest and segment nodes), keyed by sha2-256.
 * Batches, because one block is 17 KiB and one SQLite look-up 3 µs. `test/conformance/blockstore.ts` says
 * the rest; every store passes it.
 *
 * Errors: StorageFullError when the disk is full (nothing torn, what was put before stays), StorageError for any
 * other failure of the disk. A missing block is never an error of `has` and `get`; a failing disk never looks
 * like a missing block.
 */
export interface BlockStore {
  /** For each digest, in order, whether the store holds it. */
  has(digests: readonly Digest[], options?: CallOptions): Promise<boolean[]>
  /** For each digest, in order, its frame, or undefined where the store does not hold it. */
  get(digests: readonly Digest[], options?: CallOptions): Promise<(Frame | undefined)[]>
  /**
   * Stores frames, whose digests the caller has verified. Resolves when they survive kill -9; then the caller may use their
   * bytes for something else. Idempotent.
   */
  put(frames: readonly Frame[], options?: CallOptions): Promise<void>
  /** Forgets blocks; unknown digests are ignored. Space comes back at the next `compact`, if the store has one. */
  delete(digests: readonly Digest[], options?: CallOptions): Promise<void>
  /** Every digest, in no order. Blocks put while it runs may or may not be seen. */
  list(options?: CallOptions): AsyncIterable<Digest>
  /** Blocks held and the bytes they take on disk. */
  stat(): Promise<{ blocks: number; storedBytes: number }>
}
