import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { BLOCK_BYTES_MAX } from './limits.ts'
import { ZstdContext } from './zstd-context.ts'

/** Level 1 makes 300 MB/s a core of 16 KiB blocks; level 3 gains 3 % in size and costs a third of the speed. */
const PACK = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
/** log2 of BLOCK_BYTES_MAX: a frame that asks the decoder for a larger window is refused before memory is taken. */
const OPEN = { params: { [constants.ZSTD_d_windowLogMax]: 18 } }
/** More than ZSTD_compressBound(BLOCK_BYTES_MAX). */
const PACKED_BYTES_MAX = packedRoom(BLOCK_BYTES_MAX)

/** One each for this thread, made at first use; undefined where Node.js has no stream to make them of. */
let packer: ZstdContext | undefined | null = null
let opener: ZstdContext | undefined | null = null

/** A block of up to BLOCK_BYTES_MAX as one zstd frame. */
export function zstdPack(block: Uint8Array): Uint8Array {
  if (packer === null) packer = openPacker()
  return packer?.run(block, PACKED_BYTES_MAX) ?? zstdCompressSync(block, PACK)
}

/**
 * As `zstdPack`, into `target` from `at` on, which needs `packedRoom` of the block there. Returns the bytes that the frame took,
 * undefined when it is not smaller than the block.
 */
export function zstdPackInto(block: Uint8Array, target: Uint8Array, at: number): number | undefined {
  if (packer === null) packer = openPacker()
  const made = packer?.runInto(block, { bytes: target, at, bytesMax: packedRoom(block.length) - 1 })
  if (made !== undefined) return made < block.length ? made : undefined
  const frame = zstdCompressSync(block, PACK)
  if (frame.length >= block.length) return undefined
  target.set(frame, at)
  return frame.length
}

/** More than ZSTD_compressBound of a block of `length` bytes. */
export function packedRoom(length: number): number {
  return length + (length >> 7) + 1024
}

/** The content of a frame, or undefined when it is no single whole frame or has more than `bytesMax` bytes in it. */
export function zstdOpen(frame: Uint8Array, bytesMax: number): Uint8Array | undefined {
  if (opener === null) opener = openOpener()
  if (opener !== undefined) return opener.run(frame, bytesMax)
  try {
    return zstdDecompressSync(frame, {
      ...OPEN,
      chunkSize: Math.max(64, bytesMax),
      maxOutputLength: bytesMax,
    })
  } catch {
    return undefined
  }
}

/**
 * As `zstdOpen`, into memory of the caller, which has room for one byte more than `bytesMax`; returns how many bytes the content
 * takes there.
 */
export function zstdOpenInto(frame: Uint8Array, target: Uint8Array, bytesMax: number): number | undefined {
  if (opener === null) opener = openOpener()
  if (opener !== undefined) return opener.runInto(frame, { bytes: target, at: 0, bytesMax })
  const content = zstdOpen(frame, bytesMax)
  if (content !== undefined) target.set(content)
  return content?.length
}

/** Undefined where the inside of zlib streams is not what ZstdContext knows. */
export function openPacker(): ZstdContext | undefined {
  return ZstdContext.open({
    make: () => createZstdCompress(PACK),
    outputBytes: PACKED_BYTES_MAX + 1,
    works: (context) => {
      return [sample(20_000), sample(300)].every((block) => {
        const frame = context.run(block, PACKED_BYTES_MAX)
        return frame !== undefined && Buffer.compare(zstdDecompressSync(frame), block) === 0
      })
    },
  })
}

/** As `openPacker`. */
export function openOpener(): ZstdContext | undefined {
  return ZstdContext.open({
    make: () => createZstdDecompress(OPEN),
    outputBytes: BLOCK_BYTES_MAX + 1,
    works: (context) => {
      const block = sample(20_000)
      const frame = zstdCompressSync(block)
      const opens = () => Buffer.compare(context.run(frame, block.length) ?? frame, block) === 0
      const refuses = (bytes: Uint8Array, bytesMax: number) => context.run(bytes, bytesMax) === undefined
      const cutShort = frame.subarray(0, -1)
      return opens() && refuses(cutShort, 20_000) && opens() && refuses(frame, 19_999) && opens() && opens()
    },
  })
}

function sample(length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i >> 5) & 0x7f)
}
