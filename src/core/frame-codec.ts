import { DIGEST_BYTES, type Digest, digestOf } from './digest.ts'
import { IntegrityError, InvalidError } from './errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from './frame.ts'
import { BLOCK_BYTES_MAX, NODE_BYTES_MAX } from './limits.ts'
import { zstdOpen, zstdOpenInto, zstdPack } from './zstd.ts'

/** What must be known of a frame to open it; a Frame is one. */
export type FrameContent = Pick<Frame, 'codec' | 'length' | 'bytes'>

/**
 * Frame of a block (zstd when that is smaller, else raw) or of a manifest or segment node larger than a block (raw).
 * `digest` is taken for granted when given. A raw frame shares `bytes`. Throws InvalidError on an impossible size.
 */
export function encodeFrame(bytes: Uint8Array, digest: Digest = digestOf(bytes)): Frame {
  const length = bytes.length
  if (length < 1 || length > NODE_BYTES_MAX) throw new InvalidError(`no block has ${length} bytes`)
  if (length <= BLOCK_BYTES_MAX) {
    const packed = zstdPack(bytes)
    if (packed.length < length) return { digest, codec: CODEC_ZSTD, length, bytes: packed }
  }
  return { digest, codec: CODEC_RAW, length, bytes }
}

/**
 * Bytes of the block, whose length and digest are then proved. Takes no more memory than the frame's `length`
 * (at most BLOCK_BYTES_MAX), whatever the bytes are. A raw frame's bytes are returned as they are, not copied.
 * Throws IntegrityError on everything that is not exactly this block.
 */
export function decodeFrame(frame: Frame): Uint8Array {
  const bytes = inflateFrame(frame)
  if (!sameDigest(digestOf(bytes), frame.digest)) throw new IntegrityError('block does not match its digest')
  return bytes
}

/** Where `isBlock` inflates: one for this thread, so that checking a run leaves nothing for the collector. */
let scratch: Uint8Array | undefined

/** Whether a frame is exactly the block that its digest and length name: what decodeFrame does not throw at. */
export function isBlock(frame: Frame): boolean {
  const { codec, length, bytes, digest } = frame
  if (codec === CODEC_RAW) {
    return bytes.length === length && isLength(length, NODE_BYTES_MAX) && sameDigest(digestOf(bytes), digest)
  }
  if (codec !== CODEC_ZSTD || !isLength(length, BLOCK_BYTES_MAX) || bytes.length >= length) return false
  scratch ??= new Uint8Array(BLOCK_BYTES_MAX + 1)
  if (zstdOpenInto(bytes, scratch, length) !== length) return false
  return sameDigest(digestOf(scratch.subarray(0, length)), digest)
}

/**
 * As inflateFrame, to the start of `target`, which has room for one byte more than the block. The digest is the caller's to check
 * (isDigestOf).
 */
export function inflateFrameInto({ codec, length, bytes }: FrameContent, target: Uint8Array): void {
  if (target.length <= length) throw new InvalidError('no room for a block')
  if (codec !== CODEC_ZSTD) {
    target.set(inflateFrame({ codec, length, bytes }))
    return
  }
  if (!isLength(length, BLOCK_BYTES_MAX) || bytes.length >= length)
    throw new IntegrityError('zstd frame has an impossible length')
  if (zstdOpenInto(bytes, target, length) !== length)
    throw new IntegrityError('zstd frame cannot be inflated to its length')
}

/** Whether this is the digest of a block. */
export function isDigestOf(block: Uint8Array, digest: Digest): boolean {
  return sameDigest(digestOf(block), digest)
}

/** As decodeFrame, without the digest: for bytes whose digest was checked when they were stored. */
export function inflateFrame({ codec, length, bytes }: FrameContent): Uint8Array {
  if (codec === CODEC_RAW) {
    if (bytes.length !== length || !isLength(length, NODE_BYTES_MAX))
      throw new IntegrityError('raw frame has the wrong length')
    return bytes
  }
  if (codec !== CODEC_ZSTD) throw new IntegrityError('frame has an unknown codec')
  if (!isLength(length, BLOCK_BYTES_MAX)) throw new IntegrityError('frame has an impossible length')
  if (bytes.length >= length) throw new IntegrityError('zstd frame is not smaller than its block')
  const inflated = zstdOpen(bytes, length)
  if (inflated === undefined) throw new IntegrityError('zstd frame cannot be inflated to its length')
  if (inflated.length !== length) throw new IntegrityError('zstd frame inflates to the wrong length')
  return inflated
}

function isLength(length: number, max: number): boolean {
  return Number.isInteger(length) && length >= 1 && length <= max
}

function sameDigest(a: Digest, b: Digest): boolean {
  return b.length === DIGEST_BYTES && Buffer.compare(a, b) === 0
}
