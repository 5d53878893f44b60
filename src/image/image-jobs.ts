import { DIGEST_BYTES, type Digest, digestOf } from '../core/cid.ts'
import type { Codec, Frame } from '../core/frame.ts'
import { decodeFrame, encodeFrame } from '../core/frame-codec.ts'

/** Blocks within one piece of memory. */
export interface BlockPlaces {
  readonly bytes: Uint8Array
  readonly places: readonly number[]
  readonly lengths: readonly number[]
}

/** The work that threads do for import and export. */
export type ImageJob =
  | ({ readonly kind: 'hash' } & BlockPlaces)
  | ({ readonly kind: 'pack'; readonly digests: readonly Digest[] } & BlockPlaces)
  | { readonly kind: 'open'; readonly frames: readonly Frame[] }

export interface ImageJobAnswer {
  /** hash: the digests, one after the other. pack: the stored bytes. open: the blocks, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** pack: codec and stored length of each block. */
  readonly codecs: readonly Codec[]
  readonly lengths: readonly number[]
}

/** Does a job on the calling thread. Throws IntegrityError where a frame is not its block. */
export function runImageJob(job: ImageJob): ImageJobAnswer {
  if (job.kind === 'hash') return hashBlocks(job)
  if (job.kind === 'pack') return packBlocks(job)
  return openFrames(job.frames)
}

function hashBlocks({ bytes, places, lengths }: BlockPlaces): ImageJobAnswer {
  const digests = new Uint8Array(places.length * DIGEST_BYTES)
  places.forEach((place, i) => {
    digests.set(digestOf(bytes.subarray(place, place + (lengths[i] ?? 0))), i * DIGEST_BYTES)
  })
  return { bytes: digests, codecs: [], lengths: [] }
}

function packBlocks({
  bytes,
  places,
  lengths,
  digests,
}: BlockPlaces & { digests: readonly Digest[] }): ImageJobAnswer {
  const frames = places.map((place, i) =>
    encodeFrame(bytes.subarray(place, place + (lengths[i] ?? 0)), digests[i]),
  )
  return {
    bytes: join(frames.map((frame) => frame.bytes)),
    codecs: frames.map((frame) => frame.codec),
    lengths: frames.map((frame) => frame.bytes.length),
  }
}

function openFrames(frames: readonly Frame[]): ImageJobAnswer {
  return { bytes: join(frames.map(decodeFrame)), codecs: [], lengths: [] }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Bytes that a job works on: small ones are not worth a thread. */
export function jobBytes(job: ImageJob): number {
  const lengths = job.kind === 'open' ? job.frames.map((frame) => frame.length) : job.lengths
  return lengths.reduce((sum, length) => sum + length, 0)
}
