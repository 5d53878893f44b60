import type { Digest } from './digest.ts'

/** How a block's bytes rest in a store and travel: as they are, or as one zstd frame (RFC 8878). */
export const CODEC_RAW = 0
export const CODEC_ZSTD = 1
export type Codec = typeof CODEC_RAW | typeof CODEC_ZSTD
/** On the wire only: the block is in the solid frame of its message, one zstd frame of several blocks. No store keeps it. */
export const CODEC_SOLID = 2
export type WireCodec = Codec | typeof CODEC_SOLID

/**
 * A block as it rests and travels. The zstd frame is made once, at the publisher.
 * A frame from outside is not trusted before `bytes` was inflated to exactly `length` and hashed to `digest`.
 */
export interface Frame {
  readonly digest: Digest
  readonly codec: Codec
  /** Bytes of the block, uncompressed. */
  readonly length: number
  /** The stored bytes; for CODEC_RAW `bytes.length === length`. */
  readonly bytes: Uint8Array
}

/**
 * Where a frame lies in a buffer that holds many. Blocks of CODEC_SOLID have all the same place, that of the solid frame, which holds
 * them in order.
 */
export interface PlacedFrame {
  readonly digest: Digest
  readonly codec: number
  /** Bytes of the block, uncompressed. */
  readonly length: number
  /** First of the stored bytes in the buffer. */
  readonly offset: number
  readonly storedLength: number
}

/** Makes a solid frame of blocks, away from the main thread. */
export interface SolidPacker {
  /** The blocks of `frames` in order as one zstd frame; undefined when that is not smaller, or when there is too much to do already. */
  packSolid(frames: readonly Frame[]): Promise<Uint8Array | undefined>
}

/** Checks frames from outside: inflates each within its length and hashes it, away from the main thread. */
export interface FrameVerifier {
  /**
   * For each frame, in order: the frame when it is exactly the block that its digest names, else undefined. Blocks of a solid frame
   * become frames of their own.
   * `buffer` is moved away when it is all of its ArrayBuffer: use the frames of the answer.
   */
  verifyRun(run: {
    buffer: Uint8Array
    frames: readonly PlacedFrame[]
  }): Promise<{ frames: (Frame | undefined)[] }>
}
