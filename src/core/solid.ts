import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { RUN_BYTES_MAX } from './limits.ts'
import { ZstdContext } from './zstd-context.ts'

/** log2 of RUN_BYTES_MAX: what a frame may look back, and what one that asks the decoder for more is refused at. */
const WINDOW_LOG = 20
/** Level 6 makes about 100 MB/s a core and frames 5 % smaller than level 3; level 9 gains 1 % more for a third of the speed (docs/decisions/0012). */
const PACK = {
  params: { [constants.ZSTD_c_compressionLevel]: 6, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
}
const OPEN = { params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } }
/** More than ZSTD_compressBound(RUN_BYTES_MAX). */
const PACKED_BYTES_MAX = RUN_BYTES_MAX + (RUN_BYTES_MAX >> 7) + 1024

/** One each for this thread, made at first use; undefined where Node.js has no stream to make them of. */
let packer: ZstdContext | undefined | null = null
let opener: ZstdContext | undefined | null = null

/** Blocks, one after the other, up to RUN_BYTES_MAX, as one zstd frame. */
export function packSolid(blocks: Uint8Array): Uint8Array {
  if (packer === null)
    packer = ZstdContext.open({
      make: () => createZstdCompress(PACK),
      outputBytes: PACKED_BYTES_MAX + 1,
      works: (context) => {
        const sample = sampleBytes()
        const frame = context.run(sample, PACKED_BYTES_MAX)
        return frame !== undefined && Buffer.compare(zstdDecompressSync(frame), sample) === 0
      },
    })
  return packer?.run(blocks, PACKED_BYTES_MAX) ?? zstdCompressSync(blocks, PACK)
}

/**
 * The blocks of a solid frame, `bytes` of them in all, or undefined when it is anything else. Takes no more memory than that, whatever
 * the frame is.
 */
export function openSolid(frame: Uint8Array, bytes: number): Uint8Array | undefined {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > RUN_BYTES_MAX || frame.length >= bytes)
    return undefined
  if (opener === null)
    opener = ZstdContext.open({
      make: () => createZstdDecompress(OPEN),
      outputBytes: RUN_BYTES_MAX + 1,
      works: (context) => {
        const sample = sampleBytes()
        const whole = zstdCompressSync(sample)
        const opens = () => Buffer.compare(context.run(whole, sample.length) ?? whole, sample) === 0
        return (
          opens() && context.run(whole.subarray(0, -1), sample.length) === undefined && opens() && opens()
        )
      },
    })
  const content = opener === undefined ? openOnce(frame, bytes) : opener.run(frame, bytes)
  return content?.length === bytes ? content : undefined
}

function openOnce(frame: Uint8Array, bytes: number): Uint8Array | undefined {
  try {
    return zstdDecompressSync(frame, { ...OPEN, chunkSize: Math.max(64, bytes), maxOutputLength: bytes })
  } catch {
    return undefined
  }
}

function sampleBytes(): Uint8Array {
  return new Uint8Array(20_000).map((_, i) => (i >> 5) & 0x7f)
}
