import { IntegrityError } from '../core/errors.ts'
import { CODEC_RAW, CODEC_SOLID, type Frame } from '../core/frame.ts'
import { encodeFrame, inflateFrame, isBlock, isDigestOf } from '../core/frame-codec.ts'
import { RUN_BYTES_MAX } from '../core/limits.ts'
import { openSolid, packSolid } from '../core/solid.ts'
import {
  encodeTable,
  entriesOf,
  type FrameEntry,
  type FrameTable,
  framesOf,
  packFrames,
} from './frame-table.ts'

/** Frames in a buffer of their own, and one byte for each: whether it is right. */
export interface OpenedRun {
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly table: FrameTable
  readonly result: Uint8Array<ArrayBuffer>
}

/**
 * Checks a run that has a solid frame, and makes frames of the blocks in it, so that they can be stored and passed on like any others. A
 * block is right when the solid frame inflates to exactly the blocks that the table puts into it, and it has its digest.
 */
export function openSolidRun(buffer: Uint8Array, table: FrameTable): OpenedRun {
  const entries = entriesOf(table)
  const blocks = solidBlocks(buffer, entries)
  const frames = framesOf(buffer, table).map((frame, i) => {
    const block = blocks.get(i)
    if (block === undefined) return frame !== undefined && isBlock(frame) ? frame : undefined
    const digest = (entries[i] as FrameEntry).digest
    return isDigestOf(block, digest) ? encodeFrame(block, digest) : undefined
  })
  const packed = packFrames(frames.filter((frame) => frame !== undefined))
  let next = 0
  const placed = entries.map(({ digest }, i): FrameEntry => {
    const entry = frames[i] === undefined ? undefined : packed.entries[next++]
    return entry ?? { digest, codec: CODEC_RAW, length: 0, offset: 0, storedLength: 0 }
  })
  const result = Uint8Array.from(frames, (frame) => (frame === undefined ? 0 : 1))
  return { buffer: packed.buffer, table: encodeTable(placed), result }
}

/** The blocks of the solid frame by their place in the table; none when it is not what the table says. */
function solidBlocks(buffer: Uint8Array, entries: readonly FrameEntry[]): Map<number, Uint8Array> {
  const inside = [...entries.entries()].filter(([, { codec }]) => codec === CODEC_SOLID)
  const blocks = new Map<number, Uint8Array>()
  const first = inside[0]?.[1]
  const bytes = inside.reduce((sum, [, { length }]) => sum + length, 0)
  const samePlace = inside.every(
    ([, { offset, storedLength }]) => offset === first?.offset && storedLength === first.storedLength,
  )
  if (first === undefined || !samePlace || first.offset + first.storedLength > buffer.length) return blocks
  const content = openSolid(buffer.subarray(first.offset, first.offset + first.storedLength), bytes)
  if (content === undefined) return blocks
  let end = 0
  for (const [i, { length }] of inside) {
    blocks.set(i, content.subarray(end, end + length))
    end += length
  }
  return blocks
}

/** The blocks of frames as one solid frame; empty when it is not smaller than they are. Throws IntegrityError. */
export function solidOf(frames: readonly (Frame | undefined)[]): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = []
  let stored = 0
  let length = 0
  for (const frame of frames) {
    length += frame?.length ?? 0
    if (frame === undefined || length > RUN_BYTES_MAX) throw new IntegrityError('frames claim too many bytes')
    blocks.push(inflateFrame(frame))
    stored += frame.bytes.length
  }
  const solid = packSolid(Buffer.concat(blocks))
  return solid.length < stored ? new Uint8Array(solid) : new Uint8Array(0)
}
