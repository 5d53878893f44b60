import type { Frame } from '../core/frame.ts'
import { ENTRY_HEADER_BYTES, entryBytes, type PackedEntry, writeHeader } from './pack-entry.ts'

/** Frames up to this size are copied to the memory that is written: less than what Node.js and the kernel take for one more piece of a write. */
const COPIED_BYTES_MAX = 64 * 1024
/** Memory for headers and copies; more leaves in several writes. */
const STAGING_BYTES = 1024 * 1024

/** The entries of frames from `start` on, and where the last one ends. */
export function entriesAt(frames: readonly Frame[], start: number): { entries: PackedEntry[]; end: number } {
  let end = start
  const entries = frames.map(({ digest, codec, length, bytes }) => {
    const entry = { digest, codec, length, stored: bytes.length, offset: end }
    end += entryBytes(entry)
    return entry
  })
  return { entries, end }
}

/** What entries look like in a pack, in few pieces. One use at a time. */
export class PackLayout {
  readonly #staging: Buffer

  constructor() {
    this.#staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  }

  /** The pieces of each write; those of one are good until the next is asked for. */
  *writes(frames: readonly Frame[]): Generator<Uint8Array[]> {
    const staging = this.#staging
    let pieces: Uint8Array[] = []
    let used = 0
    let from = 0
    for (const frame of frames) {
      const copied = frame.bytes.length <= COPIED_BYTES_MAX
      if (used + ENTRY_HEADER_BYTES + (copied ? frame.bytes.length : 0) > staging.length) {
        if (used > from) pieces.push(staging.subarray(from, used))
        yield pieces
        pieces = []
        used = 0
        from = 0
      }
      writeHeader(staging, used, frame)
      used += ENTRY_HEADER_BYTES
      if (copied) {
        staging.set(frame.bytes, used)
        used += frame.bytes.length
      } else {
        pieces.push(staging.subarray(from, used), frame.bytes)
        from = used
      }
    }
    if (used > from) pieces.push(staging.subarray(from, used))
    yield pieces
  }
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
