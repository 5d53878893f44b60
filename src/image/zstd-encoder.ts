import { constants, createZstdCompress, zstdDecompressSync } from 'node:zlib'
import { BLOCK_BYTES_MAX } from '../core/limits.ts'

/** As `encodeFrame` has it. */
const ZSTD_LEVEL = 1
/** Room for the largest block that does not shrink: ZSTD_compressBound(BLOCK_BYTES_MAX) and some. */
const OUTPUT_BYTES = BLOCK_BYTES_MAX + (BLOCK_BYTES_MAX >> 7) + 1024

/** The parts of a zlib stream of Node.js that its own synchronous functions use (lib/zlib.js, processChunkSync). */
interface StreamInside {
  readonly _handle: {
    writeSync(...args: [flush: number, ...input: Slice, ...output: Slice]): void
    onerror: (message: string) => void
  }
  /** Free bytes of the output and unread bytes of the input after a write. */
  readonly _writeState: Uint32Array
}

type Slice = [bytes: Uint8Array, at: number, length: number]

/**
 * Compresses one block after the other with one zstd context. `zstdCompressSync` makes a stream and a context for every call,
 * which is half of the time for blocks of 14 KiB: 260 against 470 MB/s. There is no public way to keep the context, so this
 * one is tried out first, and `ZstdEncoder.open` says undefined where it does not work: then the public way is the way.
 */
export class ZstdEncoder {
  readonly #stream: StreamInside
  readonly #output = new Uint8Array(OUTPUT_BYTES)
  #failed = false

  private constructor() {
    const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL }
    this.#stream = createZstdCompress({ params }) as unknown as StreamInside
    this.#stream._handle.onerror = () => {
      this.#failed = true
    }
  }

  /** An encoder that has proved to work, or undefined. */
  static open(): ZstdEncoder | undefined {
    try {
      const encoder = new ZstdEncoder()
      return encoder.#works() ? encoder : undefined
    } catch {
      return undefined
    }
  }

  /** The block as one zstd frame, or undefined when that is not smaller. */
  encode(block: Uint8Array): Uint8Array | undefined {
    const { _handle: handle, _writeState: state } = this.#stream
    if (this.#failed || block.length > BLOCK_BYTES_MAX) return undefined
    handle.writeSync(constants.ZSTD_e_end, block, 0, block.length, this.#output, 0, OUTPUT_BYTES)
    const [free = 0, unread = 0] = state
    if (unread > 0 || free === 0) this.#failed = true
    const length = OUTPUT_BYTES - free
    return this.#failed || length >= block.length ? undefined : this.#output.slice(0, length)
  }

  /** Two frames in a row, each complete and with the size of its content in its header. */
  #works(): boolean {
    return [1000, 100_000].every((length) => {
      const block = new Uint8Array(length).map((_, i) => (i >> 3) & 0x7f)
      const frame = this.encode(block)
      return frame !== undefined && Buffer.compare(zstdDecompressSync(frame), block) === 0
    })
  }
}
