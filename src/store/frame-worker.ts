import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame, isBlock } from '../core/frame-codec.ts'
import { NODE_BYTES_MAX, RUN_BYTES_MAX } from '../core/limits.ts'
import { type Handled, serveWorker } from '../util/worker-serve.ts'
import { type FrameTable, framesOf } from './frame-table.ts'

/** Bytes of the blocks of one request: a run, or one node larger than that. */
const INFLATE_BYTES_MAX = RUN_BYTES_MAX + NODE_BYTES_MAX

/** Both buffers are moved to the worker. */
export interface FrameRequest {
  readonly do: 'verify' | 'inflate'
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly table: FrameTable
}

/** Both buffers are moved back; the third holds one byte per frame, or the blocks one after the other. */
export interface FrameAnswer {
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly table: FrameTable
  readonly result: Uint8Array<ArrayBuffer>
}

serveWorker<FrameRequest, FrameAnswer>(({ do: what, buffer, table }): Handled<FrameAnswer> => {
  const frames = framesOf(buffer, table)
  const result = what === 'verify' ? verifyAll(frames) : inflateAll(frames)
  return { answer: { buffer, table, result }, transfer: [buffer.buffer, table.buffer, result.buffer] }
})

function verifyAll(frames: readonly (Frame | undefined)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(frames, (frame) => (frame !== undefined && isBlock(frame) ? 1 : 0))
}

function inflateAll(frames: readonly (Frame | undefined)[]): Uint8Array<ArrayBuffer> {
  let size = 0
  for (const frame of frames) size += frame?.length ?? 0
  if (size > INFLATE_BYTES_MAX) throw new IntegrityError('frames claim too many bytes')
  const result = new Uint8Array(size)
  let offset = 0
  for (const frame of frames) {
    if (frame === undefined) throw new IntegrityError('frame has an unknown codec or lies outside its buffer')
    const block = decodeFrame(frame)
    result.set(block, offset)
    offset += block.length
  }
  return result
}
