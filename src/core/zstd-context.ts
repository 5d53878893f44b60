import { constants } from 'node:zlib'

/** The parts of a zlib stream of Node.js that its own synchronous functions use (lib/zlib.js, processChunkSync). */
interface StreamInside {
  readonly _handle: {
    writeSync(...args: [flush: number, ...input: Slice, ...output: Slice]): void
    close(): void
    onerror: (message: string) => void
  }
  /** Free bytes of the output and unread bytes of the input after a write. */
  readonly _writeState: Uint32Array
}

type Slice = [bytes: Uint8Array, at: number, length: number]

export interface ZstdContextInit {
  /** Makes the zlib stream. */
  readonly make: () => unknown
  /** More than the largest result. */
  readonly outputBytes: number
  /** Tries the context out. */
  readonly works: (context: ZstdContext) => boolean
}

/**
 * One zstd context for many frames. The synchronous functions of `node:zlib` make a stream and a context for every call, which for
 * blocks of 14 KiB is half of the time of compressing and two thirds of that of inflating (docs/decisions/0004). There is no
 * public way to keep a context, so this one is tried out first, and `open` says undefined where it does not work.
 */
export class ZstdContext {
  readonly #make: () => unknown
  /** Memory that every frame is made in; what comes of it is copied. */
  readonly #output: Uint8Array
  #stream: StreamInside | undefined
  #failed = false

  private constructor(make: () => unknown, outputBytes: number) {
    this.#make = make
    this.#output = new Uint8Array(outputBytes)
  }

  /** A context that has passed its trial, or undefined where streams have another inside than this class knows. */
  static open({ make, outputBytes, works }: ZstdContextInit): ZstdContext | undefined {
    try {
      const context = new ZstdContext(make, outputBytes)
      return works(context) ? context : undefined
    } catch {
      return undefined
    }
  }

  /**
   * Makes exactly one frame of all of `input`, or the content of exactly one frame. Undefined when it is no whole frame, when
   * something follows it, or when the result has more than `bytesMax` bytes. What came before never matters.
   */
  run(input: Uint8Array, bytesMax: number): Uint8Array | undefined {
    const made = this.runInto(input, { bytes: this.#output, at: 0, bytesMax })
    return made === undefined ? undefined : this.#output.slice(0, made)
  }

  /** As `run`, into memory of the caller, which has room for one byte more than `bytesMax`; returns how many bytes it took. */
  runInto(
    input: Uint8Array,
    target: { readonly bytes: Uint8Array; readonly at: number; readonly bytesMax: number },
  ): number | undefined {
    const { bytes, at, bytesMax } = target
    this.#stream ??= this.#open()
    const { _handle: handle, _writeState: state } = this.#stream
    const room = Math.min(bytesMax + 1, bytes.length - at)
    this.#failed = false
    handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, bytes, at, room)
    const [free = 0, unread = 0] = state
    if (!this.#failed && unread === 0 && free > 0) return room - free
    // In the middle of a frame, or broken: the next frame gets another context.
    this.#stream = undefined
    handle.close()
    return undefined
  }

  #open(): StreamInside {
    const stream = this.#make() as StreamInside
    stream._handle.onerror = () => {
      this.#failed = true
    }
    return stream
  }
}
