import { DIGEST_BYTES, type Digest } from '../core/digest.ts'
import { CODEC_RAW, CODEC_SOLID, CODEC_ZSTD, type Frame } from '../core/frame.ts'

/** Where a frame lies in a buffer that holds many. */
export interface FrameEntry {
  readonly digest: Digest
  readonly codec: number
  /** Bytes of the block, uncompressed. */
  readonly length: number
  /** First of the stored bytes in the buffer. */
  readonly offset: number
  readonly storedLength: number
}

/** Entries as one buffer, so that a worker gets two buffers and not hundreds of objects. Per entry: 4 × u32, digest. */
export type FrameTable = Uint8Array<ArrayBuffer>

const NUMBERS_BYTES = 16
const ENTRY_BYTES = NUMBERS_BYTES + DIGEST_BYTES

/** Stands for every number that is no u32: no frame is so large, so it is found out as wrong later. */
const IMPOSSIBLE = 0xffff_ffff
const u32 = (n: number) => (Number.isInteger(n) && n >= 0 && n < IMPOSSIBLE ? n : IMPOSSIBLE)

export function encodeTable(entries: readonly FrameEntry[]): FrameTable {
  const table = new Uint8Array(entries.length * ENTRY_BYTES)
  const view = new DataView(table.buffer)
  let at = 0
  for (const { digest, codec, length, offset, storedLength } of entries) {
    view.setUint32(at, u32(codec))
    view.setUint32(at + 4, u32(length))
    view.setUint32(at + 8, u32(offset))
    view.setUint32(at + 12, u32(storedLength))
    table.set(digest.subarray(0, DIGEST_BYTES), at + NUMBERS_BYTES)
    at += ENTRY_BYTES
  }
  return table
}

/** The entries of a table. */
export function entriesOf(table: FrameTable): FrameEntry[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  const entries: FrameEntry[] = []
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    entries.push({
      codec: view.getUint32(at),
      length: view.getUint32(at + 4),
      offset: view.getUint32(at + 8),
      storedLength: view.getUint32(at + 12),
      digest: table.subarray(at + NUMBERS_BYTES, at + ENTRY_BYTES),
    })
  }
  return entries
}

/** Whether a table has blocks of a solid frame. */
export function hasSolid(table: FrameTable): boolean {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    if (view.getUint32(at) === CODEC_SOLID) return true
  }
  return false
}

/** The frames that a table describes, as views of `buffer`; undefined where an entry does not fit it or is of a solid frame. */
export function framesOf(buffer: Uint8Array, table: FrameTable): (Frame | undefined)[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  const frames: (Frame | undefined)[] = []
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    const codec = view.getUint32(at)
    const length = view.getUint32(at + 4)
    const offset = view.getUint32(at + 8)
    const end = offset + view.getUint32(at + 12)
    const digest = table.subarray(at + NUMBERS_BYTES, at + ENTRY_BYTES)
    const known = codec === CODEC_RAW || codec === CODEC_ZSTD
    frames.push(
      known && end <= buffer.length
        ? { digest, codec, length, bytes: buffer.subarray(offset, end) }
        : undefined,
    )
  }
  return frames
}

/** Copies the stored bytes of frames into one new buffer. */
export function packFrames(frames: readonly Frame[]): {
  buffer: Uint8Array<ArrayBuffer>
  entries: FrameEntry[]
} {
  let size = 0
  for (const frame of frames) size += frame.bytes.length
  const buffer = new Uint8Array(size)
  let offset = 0
  const entries = frames.map(({ digest, codec, length, bytes }) => {
    buffer.set(bytes, offset)
    const entry = { digest, codec, length, offset, storedLength: bytes.length }
    offset += bytes.length
    return entry
  })
  return { buffer, entries }
}
