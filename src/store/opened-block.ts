import type { Digest } from '../core/cid.ts'

/** A block that is asked for. */
export interface WantedBlock {
  readonly digest: Digest
  /** Bytes of the block; when the store has it with another length, the manifest that says so is wrong. */
  readonly length: number
}

/** Bytes `start` to `end` (exclusive) of a block. */
export interface BlockPart {
  readonly start: number
  readonly end: number
}

/** What of a block was opened: from byte `start` on. */
export interface OpenedPart {
  readonly start: number
  readonly bytes: Uint8Array
}

/** As Lease. */
export interface Memory {
  take(length: number): Buffer
  /** What was taken is not used any more. */
  give(bytes: Buffer): void
}
