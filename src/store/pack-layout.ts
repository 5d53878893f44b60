import type { Frame } from '../core/frame.ts'
import { ENTRY_HEADER_BYTES, type PackedEntry, writeHeader } from './pack-entry.ts'

/** Entries of frames from `start` on, and the pieces that make them: headers in one buffer, the bytes where they are. */
export function layOut(frames: readonly Frame[], start: number) {
  const headers = Buffer.allocUnsafeSlow(frames.length * ENTRY_HEADER_BYTES)
  const buffers: Uint8Array[] = []
  const entries: PackedEntry[] = []
  let end = start
  frames.forEach((frame, i) => {
    const { digest, codec, length, bytes } = frame
    const at = i * ENTRY_HEADER_BYTES
    writeHeader(headers, at, frame)
    buffers.push(headers.subarray(at, at + ENTRY_HEADER_BYTES), bytes)
    entries.push({ digest, codec, length, stored: bytes.length, offset: end })
    end += ENTRY_HEADER_BYTES + bytes.length
  })
  return { entries, buffers, end }
}

/** Frames in pieces of `bytesMax` stored bytes at most, or of one frame. */
export function* slices(frames: readonly Frame[], bytesMax: number): Generator<Frame[]> {
  let slice: Frame[] = []
  let bytes = 0
  for (const frame of frames) {
    if (slice.length > 0 && bytes + frame.bytes.length > bytesMax) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(frame)
    bytes += ENTRY_HEADER_BYTES + frame.bytes.length
  }
  if (slice.length > 0) yield slice
}
