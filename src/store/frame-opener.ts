import { constants, zstdDecompressSync } from 'node:zlib'
import { digestOf } from '../core/cid.ts'
import { IntegrityError } from '../core/errors.ts'
import { CODEC_ZSTD, type Frame } from '../core/frame.ts'
import { decodeFrame, WINDOW_LOG_MAX } from '../core/frame-codec.ts'
import { BLOCK_BYTES_MAX, PAGE_BYTES, RUN_BYTES_MAX } from '../core/limits.ts'
import { isOneFrame } from './zstd-frame.ts'

/** Frames that lie one behind the other and can be inflated together. */
interface Group {
  readonly frames: Frame[]
  /** Bytes of the blocks. */
  bytes: number
}

/**
 * Opens frames that are views of one buffer, in order: `onBlock` gets the block, or undefined where a frame is not what its digest
 * names. Answers as decodeFrame does for each, but inflates neighbours together: node:zlib takes 20 µs to set up, as long
 * as half a block takes. Together are frames that end where they say, and blocks of whole pages, because node:zlib goes on behind a
 * frame only when that fills a piece of its output.
 */
export function openFrames(
  frames: readonly (Frame | undefined)[],
  onBlock: (block: Uint8Array | undefined, index: number) => void,
): void {
  let index = 0
  while (index < frames.length) {
    const group = groupAt(frames, index)
    const inflated = group.frames.length > 1 ? inflateGroup(group) : undefined
    if (inflated === undefined) {
      const count = Math.max(1, group.frames.length)
      for (const end = index + count; index < end; index++) onBlock(openOne(frames[index]), index)
      continue
    }
    let at = 0
    for (const { length, digest } of group.frames) {
      const block = inflated.subarray(at, at + length)
      at += length
      const right = Buffer.compare(digestOf(block), digest) === 0
      onBlock(right ? block : undefined, index++)
    }
  }
}

function openOne(frame: Frame | undefined): Uint8Array | undefined {
  if (frame === undefined) return undefined
  try {
    return decodeFrame(frame)
  } catch (error) {
    if (error instanceof IntegrityError) return undefined
    throw error
  }
}

function groupAt(frames: readonly (Frame | undefined)[], first: number): Group {
  const group: Group = { frames: [], bytes: 0 }
  for (let i = first; i < frames.length; i++) {
    const frame = frames[i]
    if (frame === undefined || !joins(group, frame)) break
    group.frames.push(frame)
    group.bytes += frame.length
  }
  return group
}

function joins(group: Group, { codec, length, bytes }: Frame): boolean {
  if (codec !== CODEC_ZSTD || length % PAGE_BYTES !== 0 || length < 1 || length > BLOCK_BYTES_MAX)
    return false
  if (bytes.length >= length || group.bytes + length > RUN_BYTES_MAX) return false
  const before = group.frames.at(-1)?.bytes
  const follows = before === undefined || before.byteOffset + before.length === bytes.byteOffset
  return follows && isOneFrame(bytes, length)
}

/** The blocks one after the other; undefined when one of the frames is damaged. */
function inflateGroup({ frames, bytes }: Group): Uint8Array | undefined {
  const [first] = frames
  if (first === undefined) return undefined
  let stored = 0
  for (const frame of frames) stored += frame.bytes.length
  const packed = new Uint8Array(first.bytes.buffer, first.bytes.byteOffset, stored)
  const params = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX }
  try {
    const inflated = zstdDecompressSync(packed, { chunkSize: PAGE_BYTES, maxOutputLength: bytes, params })
    return inflated.length === bytes ? inflated : undefined
  } catch {
    return undefined
  }
}
