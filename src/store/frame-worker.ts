import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame } from '../core/frame-codec.ts'
import { type Handled, serveWorker } from '../util/worker-serve.ts'
import { type FrameTable, framesOf } from './frame-table.ts'

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
  const result = what === 'verify' ? Uint8Array.from(frames, isValid) : inflateAll(frames)
  return { answer: { buffer, table, result }, transfer: [buffer.buffer, table.buffer, result.buffer] }
})

function isValid(frame: Frame | undefined): number {
  if (frame === undefined) return 0
  try {
    decodeFrame(frame)
    return 1
  } catch (error) {
    if (error instanceof IntegrityError) return 0
    throw error
  }
}

function inflateAll(frames: readonly (Frame | undefined)[]): Uint8Array<ArrayBuffer> {
  const blocks = frames.map((frame) => {
    if (frame === undefined) throw new IntegrityError('frame has an unknown codec or lies outside its buffer')
    return decodeFrame(frame)
  })
  let size = 0
  for (const block of blocks) size += block.length
  const result = new Uint8Array(size)
  let offset = 0
  for (const block of blocks) {
    result.set(block, offset)
    offset += block.length
  }
  return result
}
