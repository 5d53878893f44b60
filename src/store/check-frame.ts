import { DIGEST_BYTES } from '../core/cid.ts'
import { InvalidError } from '../core/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from '../core/frame.ts'
import { BLOCK_BYTES_MAX, NODE_BYTES_MAX } from '../core/limits.ts'

/** Throws InvalidError unless a frame has a form that a store can hold. Says nothing about its digest. */
export function checkFrame({ digest, codec, length, bytes }: Frame): void {
  if (digest.length !== DIGEST_BYTES) throw new InvalidError('frame has no sha2-256 digest')
  if (!Number.isInteger(length) || length < 1 || length > NODE_BYTES_MAX)
    throw new InvalidError('frame has an impossible length')
  const fits = codec === CODEC_RAW ? bytes.length === length : bytes.length > 0 && bytes.length < length
  const known = codec === CODEC_RAW || (codec === CODEC_ZSTD && length <= BLOCK_BYTES_MAX)
  if (!known || !fits) throw new InvalidError('frame has a codec or size that do not go together')
}
