import { readSync } from 'node:fs'
import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { decodeFrame, inflateFrameInto, isBlock, isDigestOf } from '../core/frame-codec.ts'
import { NODE_BYTES_MAX, RUN_BYTES_MAX } from '../core/limits.ts'
import { type Handled, serveWorker } from '../util/worker-serve.ts'
import { CheckedFrames } from './checked-frames.ts'
import { type FrameTable, framesOf, hasSolid } from './frame-table.ts'
import { openSolidRun, solidOf } from './solid-run.ts'
import { readError } from './storage-errors.ts'

/** Bytes of the blocks of one request: a run, or one node larger than that. */
const INFLATE_BYTES_MAX = RUN_BYTES_MAX + NODE_BYTES_MAX

/** Bytes of the reads of one request: a run in the smallest blocks, each far from the next, and what lies between them in the pack. */
const READ_BYTES_MAX = 32 * RUN_BYTES_MAX

/** Both buffers are moved to the worker. */
export interface MovedFrames {
  readonly do: 'verify' | 'inflate' | 'solid'
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly table: FrameTable
}

/** Bytes of an open file of this process. */
export interface FileRead {
  readonly fd: number
  readonly start: number
  readonly bytes: number
}

/** Frames that the worker reads itself, into memory that both sides share. */
export interface FramesToRead {
  readonly do: 'read'
  readonly reads: readonly FileRead[]
  /** Offsets count from the first byte of the first read. */
  readonly table: FrameTable
  readonly places: Uint32Array
  readonly target: Uint8Array<SharedArrayBuffer>
  /** Memory of CheckedFrames. */
  readonly checked: SharedArrayBuffer
}

export type FrameRequest = MovedFrames | FramesToRead

/**
 * Both buffers are moved back, or others in their place where a solid frame was opened; the third holds one byte per frame, or the blocks
 * one after the other, or the solid frame, empty when it is no smaller than the frames.
 */
export interface FrameAnswer {
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly table: FrameTable
  readonly result: Uint8Array<ArrayBuffer>
}

serveWorker<FrameRequest, FrameAnswer | undefined>((request): Handled<FrameAnswer | undefined> => {
  if (request.do === 'read') {
    readAll(request)
    return { answer: undefined }
  }
  const { buffer, table } = request
  if (request.do === 'verify' && hasSolid(table)) {
    const opened = openSolidRun(buffer, table)
    return { answer: opened, transfer: [opened.buffer.buffer, opened.table.buffer, opened.result.buffer] }
  }
  const frames = framesOf(buffer, table)
  const result = work(request.do, frames)
  return { answer: { buffer, table, result }, transfer: [buffer.buffer, table.buffer, result.buffer] }
})

function work(what: MovedFrames['do'], frames: readonly (Frame | undefined)[]): Uint8Array<ArrayBuffer> {
  if (what === 'verify') return verifyAll(frames)
  return what === 'inflate' ? inflateAll(frames) : solidOf(frames)
}

/** What was read last; grows to the largest request. */
let scratch = Buffer.alloc(0)

let checked: CheckedFrames | undefined

function readAll(request: FramesToRead): void {
  const { reads, table, places, target } = request
  const size = reads.reduce((sum, { bytes }) => sum + bytes, 0)
  if (size > READ_BYTES_MAX) throw new IntegrityError('frames claim too many bytes')
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
  if (checked?.memory !== request.checked) checked = new CheckedFrames({ memory: request.checked })
  let filled = 0
  for (const read of reads) {
    readWhole(read, scratch.subarray(filled, filled + read.bytes))
    filled += read.bytes
  }
  let end = 0
  for (const [i, frame] of framesOf(scratch.subarray(0, size), table).entries()) {
    if (frame === undefined) throw new IntegrityError('frame has an unknown codec or lies outside its buffer')
    const place = places[i] ?? 0
    if (place > end) target.fill(0, end, place)
    openInto(frame, target.subarray(place), checked)
    end = place + frame.length
  }
  target.fill(0, end)
}

function openInto(frame: Frame, target: Uint8Array, known: CheckedFrames): void {
  const { crc, isChecked } = known.look(frame)
  inflateFrameInto(frame, target)
  if (isChecked) return
  if (!isDigestOf(target.subarray(0, frame.length), frame.digest))
    throw new IntegrityError('block does not match its digest')
  known.add(frame, crc)
}

function readSome(fd: number, into: Buffer, position: number): number {
  try {
    return readSync(fd, into, 0, into.length, position)
  } catch (cause) {
    throw readError(cause)
  }
}

function readWhole({ fd, start, bytes }: FileRead, into: Buffer): void {
  let filled = 0
  while (filled < bytes) {
    const read = readSome(fd, into.subarray(filled), start + filled)
    if (read === 0) throw new IntegrityError('a pack is shorter than its index says')
    filled += read
  }
}

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
