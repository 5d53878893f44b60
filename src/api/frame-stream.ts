import { DIGEST_BYTES } from '../core/cid.ts'
import { IntegrityError, LimitError, ProtocolError } from '../core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Codec, type Frame } from '../core/frame.ts'
import { BLOCK_BYTES_MAX, MANIFEST_BYTES_MAX } from '../core/limits.ts'

/** Frames one after the other: u8 codec, u32le length, u32le stored length, 32 bytes digest, the stored bytes. */
export const FRAME_HEADER_BYTES = 9 + DIGEST_BYTES

/** First piece of memory for a frame that arrives in pieces; grows with what has arrived, not with what was promised. */
const PART_BYTES = 64 * 1024

/** Bytes that `frame` takes in the stream. */
export function encodedFrameBytes(frame: Frame): number {
  return FRAME_HEADER_BYTES + frame.bytes.length
}

/** The stream of `frames` in one piece. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  const size = frames.reduce((sum, frame) => sum + encodedFrameBytes(frame), 0)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const frame of frames) {
    out.writeUInt8(frame.codec, at)
    out.writeUInt32LE(frame.length, at + 1)
    out.writeUInt32LE(frame.bytes.length, at + 5)
    out.set(frame.digest, at + 9)
    out.set(frame.bytes, at + FRAME_HEADER_BYTES)
    at += encodedFrameBytes(frame)
  }
  return out
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

interface Header {
  codec: Codec
  length: number
  stored: number
  digest: Uint8Array
}

/**
 * Reads a stream of frames that arrives in pieces of any size. Checks shapes and bounds, not digests.
 * `push` throws ProtocolError on a malformed header, LimitError past `init.bytesMax`; after that it must not be used again.
 */
export class FrameDecoder {
  readonly #bytesMax: number
  #bytes = 0
  #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerFilled = 0
  #open: Header | undefined
  #part = new Uint8Array(0)
  #partFilled = 0

  constructor(init: { bytesMax: number }) {
    this.#bytesMax = init.bytesMax
  }

  /** The frames that `piece` completes. They may share memory with it. */
  push(piece: Uint8Array): Frame[] {
    this.#bytes += piece.length
    if (this.#bytes > this.#bytesMax) {
      throw new LimitError(`more than ${this.#bytesMax} bytes of frames in one request`, {
        data: { limitBytes: this.#bytesMax },
      })
    }
    const frames: Frame[] = []
    let at = 0
    while (at < piece.length) {
      const rest = piece.subarray(at)
      at += this.#open === undefined ? this.#readHeader(rest) : this.#readBytes(rest, this.#open, frames)
      if (this.#open?.stored === 0) this.#readBytes(piece.subarray(at), this.#open, frames)
    }
    return frames
  }

  /** To be called when the stream is over. Throws IntegrityError when it ends inside a frame. */
  end(): void {
    if (this.#headerFilled > 0) {
      throw new IntegrityError('the stream of frames ends inside a frame', {
        data: { receivedBytes: this.#bytes },
      })
    }
  }

  #readHeader(rest: Uint8Array): number {
    const taken = Math.min(rest.length, FRAME_HEADER_BYTES - this.#headerFilled)
    this.#header.set(rest.subarray(0, taken), this.#headerFilled)
    this.#headerFilled += taken
    if (this.#headerFilled === FRAME_HEADER_BYTES) this.#open = decodeHeader(this.#header)
    return taken
  }

  #readBytes(rest: Uint8Array, header: Header, frames: Frame[]): number {
    const taken = Math.min(rest.length, header.stored - this.#partFilled)
    const whole = taken === header.stored
    if (!whole) this.#keep(rest.subarray(0, taken), header.stored)
    if (!whole && this.#partFilled < header.stored) return taken
    const bytes = whole ? rest.subarray(0, taken) : this.#part.subarray(0, header.stored)
    frames.push({ digest: header.digest, codec: header.codec, length: header.length, bytes })
    this.#open = undefined
    this.#headerFilled = 0
    this.#part = new Uint8Array(0)
    this.#partFilled = 0
    return taken
  }

  #keep(bytes: Uint8Array, stored: number): void {
    const need = this.#partFilled + bytes.length
    if (need > this.#part.length) {
      const grown = new Uint8Array(Math.min(stored, Math.max(PART_BYTES, 2 * need)))
      grown.set(this.#part.subarray(0, this.#partFilled))
      this.#part = grown
    }
    this.#part.set(bytes, this.#partFilled)
    this.#partFilled = need
  }
}

function decodeHeader(bytes: Buffer): Header {
  const codec = bytes.readUInt8(0)
  const length = bytes.readUInt32LE(1)
  const stored = bytes.readUInt32LE(5)
  if (codec !== CODEC_RAW && codec !== CODEC_ZSTD)
    throw new ProtocolError(`unknown codec ${codec} of a frame`)
  const lengthMax = codec === CODEC_RAW ? MANIFEST_BYTES_MAX : BLOCK_BYTES_MAX
  if (length === 0 || length > lengthMax) throw new ProtocolError('frame of an impossible length')
  const fits = codec === CODEC_RAW ? stored === length : stored > 0 && stored < length
  if (!fits) throw new ProtocolError('frame whose stored length does not fit its length')
  return { codec, length, stored, digest: Uint8Array.from(bytes.subarray(9)) }
}
