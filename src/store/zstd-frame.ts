/** RFC 8878, section 3.1.1: little-endian magic number of a zstd frame. */
const MAGIC = 0xfd2fb528
const BLOCK_RLE = 1
const BLOCK_RESERVED = 3
/** Bytes of the dictionary ID and of the content size, by their flags. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const

/**
 * Whether `bytes` are exactly one zstd frame, which says itself that it holds `length` bytes, and nothing behind it. Looks at headers only.
 * Frames that pass may be inflated one after the other in one go: a decoder cannot take bytes of one for the next.
 */
export function isOneFrame(bytes: Uint8Array, length: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) return false
  const descriptor = view.getUint8(4)
  const single = (descriptor >> 5) & 1
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? single : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0)
  const sizeAt = 5 + (1 - single) + (DICTIONARY_BYTES[descriptor & 3] ?? 0)
  const blocksAt = sizeAt + sizeBytes
  if (blocksAt > bytes.length || contentSize(view, sizeAt, sizeBytes) !== length) return false
  const end = endOfBlocks(view, blocksAt)
  const checksumBytes = (descriptor & 4) === 0 ? 0 : 4
  return end !== undefined && end + checksumBytes === bytes.length
}

function contentSize(view: DataView, at: number, sizeBytes: number): number | undefined {
  if (sizeBytes === 1) return view.getUint8(at)
  if (sizeBytes === 2) return view.getUint16(at, true) + 256
  if (sizeBytes === 4) return view.getUint32(at, true)
  return undefined
}

function endOfBlocks(view: DataView, start: number): number | undefined {
  let at = start
  while (at + 3 <= view.byteLength) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    const type = (header >> 1) & 3
    if (type === BLOCK_RESERVED) return undefined
    at += 3 + (type === BLOCK_RLE ? 1 : header >> 3)
    if ((header & 1) === 1) return at
  }
  return undefined
}
