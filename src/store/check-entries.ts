import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import type { FramePool } from './frame-pool.ts'
import type { ScanBatch, ScannedEntry } from './pack-scan.ts'

/** Below it a batch is checked here: a worker would take longer to start. */
const INLINE_BYTES = 1024 * 1024

/** For each of the batch's `entries`, in order, whether its stored bytes are the block that its header names. Leaves the batch as it is. */
export async function checkEntries(
  batch: ScanBatch,
  entries: readonly ScannedEntry[],
  frames: FramePool,
): Promise<boolean[]> {
  const all = framesOfEntries(batch, entries)
  if (batch.buffer.length > INLINE_BYTES) return await frames.verify(all)
  return all.map((frame) => {
    try {
      decodeFrame(frame)
      return true
    } catch (error) {
      if (error instanceof IntegrityError) return false
      throw error
    }
  })
}

/** Frames of entries, as views of the batch. */
export function framesOfEntries({ buffer }: ScanBatch, entries: readonly ScannedEntry[]): Frame[] {
  return entries.map(({ digest, codec, length, stored, at }) => ({
    digest,
    codec,
    length,
    bytes: buffer.subarray(at, at + stored),
  }))
}
