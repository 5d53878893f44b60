import { DIGEST_BYTES, digestOf } from '../core/digest.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { zstdPackInto } from '../core/zstd.ts'

/** Blocks within one piece of memory. */
export interface BlockPlaces {
  readonly bytes: Uint8Array
  readonly places: readonly number[]
  readonly lengths: readonly number[]
}

/** The work that threads do for import and export. */
export type ImageJob =
  | ({ readonly kind: 'hash' } & BlockPlaces)
  /** `target` has room for all blocks as frames, one after the other (`packedRoom`). */
  | ({ readonly kind: 'pack'; readonly target: Uint8Array<SharedArrayBuffer> } & BlockPlaces)
  | { readonly kind: 'open'; readonly frames: readonly Frame[] }

export interface ImageJobAnswer {
  /** hash: the digests, one after the other. open: the blocks, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** pack: stored length of each block in the target; its own length when it is raw, else it is a smaller zstd frame. */
  readonly stored: readonly number[]
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
  return { bytes: digests, stored: [] }
}

function packBlocks(job: BlockPlaces & { target: Uint8Array }): ImageJobAnswer {
  const { bytes, places, lengths, target } = job
  let end = 0
  const stored = places.map((place, i) => {
    const block = bytes.subarray(place, place + (lengths[i] ?? 0))
    const packed = zstdPackInto(block, target, end)
    if (packed === undefined) Buffer.from(block.buffer, block.byteOffset, block.byteLength).copy(target, end)
    end += packed ?? block.length
    return packed ?? block.length
  })
  return { bytes: new Uint8Array(0), stored }
}

function openFrames(frames: readonly Frame[]): ImageJobAnswer {
  return { bytes: join(frames.map(decodeFrame)), stored: [] }
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
