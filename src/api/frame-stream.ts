import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { IntegrityError, LimitError, ProtocolError } from '../core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Codec, type Frame } from '../core/frame.ts'
import { BLOCK_BYTES_MAX, MANIFEST_BYTES_MAX } from '../core/limits.ts'
import { UPLOAD_REQUEST_BYTES } from '../core/registry-limits.ts'
import type { BufferPool } from '../util/buffer-pool.ts'

/** Frames one after the other: u8 codec, u32le length, u32le stored length, 32 bytes digest, the stored bytes. */
export const FRAME_HEADER_BYTES = 9 + DIGEST_BYTES

/** Size of the buffers of a run: one request of a client, so that it is checked and stored together. */
export const RUN_BUFFER_BYTES = UPLOAD_REQUEST_BYTES
/** First memory of a stream: more is taken when so much has arrived, whatever was promised. */
const FIRST_BUFFER_BYTES = 64 * 1024

/** Bytes that `frame` takes in the stream. */
export function encodedFrameBytes(frame: Frame): number {
  return FRAME_HEADER_BYTES + frame.bytes.length
}

/** Bytes that the stream of `frames` takes. */
export function streamBytes(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + encodedFrameBytes(frame), 0)
}

/** The stream of `frames` in one piece: in `out`, which has exactly their `streamBytes`. */
export function encodeFrames(
  frames: readonly Frame[],
  out: Uint8Array = new Uint8Array(streamBytes(frames)),
): Uint8Array {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  let at = 0
  for (const frame of frames) {
    view.setUint8(at, frame.codec)
    view.setUint32(at + 1, frame.length, true)
    view.setUint32(at + 5, frame.bytes.length, true)
    out.set(frame.digest, at + 9)
    copyBytes(frame.bytes, out, at + FRAME_HEADER_BYTES)
    at += encodedFrameBytes(frame)
  }
  return out
}

/** As `target.set`, which takes several times as long for shared memory. */
function copyBytes(bytes: Uint8Array, target: Uint8Array, at: number): void {
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).copy(target, at)
}

/** Cuts `frames` into lists of at most `bytesMax` encoded bytes, each with at least one frame. */
export function* batchFrames(frames: readonly Frame[], bytesMax: number): Generator<Frame[]> {
  let batch: Frame[] = []
  let bytes = 0
  for (const frame of frames) {
    const size = encodedFrameBytes(frame)
    if (batch.length > 0 && bytes + size > bytesMax) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(frame)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

/** A frame within the buffer of a run. */
export interface FramePlace {
  readonly digest: Digest
  readonly codec: Codec
  /** Bytes of the block, uncompressed. */
  readonly length: number
  /** First of the stored bytes in the buffer. */
  readonly offset: number
  readonly storedLength: number
}

/** Whole frames that arrived one after the other. The buffer is all of its ArrayBuffer and belongs to the receiver. */
export interface ArrivedFrames {
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly frames: readonly FramePlace[]
}

/**
 * Reads a stream of frames that arrives in pieces of any size into buffers that can be moved to a worker and then stored from.
 * Checks shapes and bounds, not digests. `push` throws ProtocolError on a malformed header, LimitError past `init.bytesMax`;
 * after that it must not be used again.
 */
export class FrameDecoder {
  readonly #buffers: BufferPool
  readonly #bytesMax: number
  #bytes = 0
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES)
  #filled = 0
  #places: FramePlace[] = []
  /** End of the last whole frame, and the bytes behind it that make the next step: a header or a frame. */
  #parsed = 0
  #wanted = FRAME_HEADER_BYTES

  /** @param components `buffers` of RUN_BUFFER_BYTES; they come back with `give` from whoever is done with them. */
  constructor(components: { buffers: BufferPool }, init: { bytesMax: number }) {
    this.#buffers = components.buffers
    this.#bytesMax = init.bytesMax
  }

  /** Copies a piece; returns what is full. */
  push(piece: Uint8Array): ArrivedFrames[] {
    this.#bytes += piece.length
    if (this.#bytes > this.#bytesMax) {
      throw new LimitError(`more than ${this.#bytesMax} bytes of frames in one request`, {
        data: { limitBytes: this.#bytesMax },
      })
    }
    const full: ArrivedFrames[] = []
    for (let at = 0; at < piece.length; ) {
      if (this.#filled === this.#buffer.length) full.push(...this.#makeRoom())
      const part = piece.subarray(at, at + this.#buffer.length - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      this.#parse()
    }
    return full
  }

  /** What is left when the stream is over. Throws IntegrityError when it ends inside a frame. */
  end(): ArrivedFrames | undefined {
    if (this.#filled > this.#parsed) {
      throw new IntegrityError('the stream of frames ends inside a frame', {
        data: { receivedBytes: this.#bytes },
      })
    }
    return this.#places.length === 0 ? undefined : { buffer: this.#buffer, frames: this.#places }
  }

  #parse(): void {
    while (this.#filled - this.#parsed >= this.#wanted) {
      const header = decodeHeader(this.#buffer, this.#parsed)
      const end = this.#parsed + FRAME_HEADER_BYTES + header.storedLength
      if (end > this.#filled) {
        this.#wanted = end - this.#parsed
        return
      }
      this.#places.push(header)
      this.#parsed = end
      this.#wanted = FRAME_HEADER_BYTES
    }
  }

  /** Moves to another buffer: a larger one while it holds less than a run or no whole frame, else one for the rest. */
  #makeRoom(): ArrivedFrames[] {
    const { length } = this.#buffer
    const before = this.#buffer
    if (length >= RUN_BUFFER_BYTES && this.#places.length > 0) {
      const frames = this.#places
      this.#buffer = this.#buffers.take(RUN_BUFFER_BYTES)
      this.#buffer.set(before.subarray(this.#parsed, this.#filled))
      this.#filled -= this.#parsed
      this.#parsed = 0
      this.#places = []
      return [{ buffer: before, frames }]
    }
    this.#buffer =
      length < RUN_BUFFER_BYTES ? this.#buffers.take(RUN_BUFFER_BYTES) : new Uint8Array(2 * length)
    this.#buffer.set(before)
    this.#buffers.give(before.buffer)
    return []
  }
}

function decodeHeader(bytes: Uint8Array, at: number): FramePlace {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, FRAME_HEADER_BYTES)
  const codec = view.getUint8(0)
  const length = view.getUint32(1, true)
  const storedLength = view.getUint32(5, true)
  if (codec !== CODEC_RAW && codec !== CODEC_ZSTD)
    throw new ProtocolError(`unknown codec ${codec} of a frame`)
  const lengthMax = codec === CODEC_RAW ? MANIFEST_BYTES_MAX : BLOCK_BYTES_MAX
  if (length === 0 || length > lengthMax) throw new ProtocolError('frame of an impossible length')
  const fits = codec === CODEC_RAW ? storedLength === length : storedLength > 0 && storedLength < length
  if (!fits) throw new ProtocolError('frame whose stored length does not fit its length')
  // A copy: the buffer is moved away, the digest stays.
  const digest = bytes.slice(at + 9, at + FRAME_HEADER_BYTES)
  return { codec, length, storedLength, digest, offset: at + FRAME_HEADER_BYTES }
}
