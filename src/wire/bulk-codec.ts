import { ProtocolError } from '../core/errors.ts'
import { CODEC_RAW, CODEC_SOLID, CODEC_ZSTD } from '../core/frame.ts'
import { FRAME_BYTES_MAX, RUN_BLOCKS_MAX } from '../core/limits.ts'
import type { BlockEntry, Blocks, NodePart } from './message-types.ts'

/** u32 request, u16 count; then for each block u16 index, u8 codec, u24 stored length; then the frames, the solid one last. */
const BLOCKS_HEAD_BYTES = 6
const ENTRY_BYTES = 6
/** u32 request, u32 total, u32 offset. */
const NODE_HEAD_BYTES = 12

export function encodeBlocksHead(message: Pick<Blocks, 'request' | 'entries'>): Uint8Array {
  const head = new Uint8Array(BLOCKS_HEAD_BYTES + message.entries.length * ENTRY_BYTES)
  const view = new DataView(head.buffer)
  view.setUint32(0, message.request, true)
  view.setUint16(4, message.entries.length, true)
  message.entries.forEach((entry, i) => {
    const at = BLOCKS_HEAD_BYTES + i * ENTRY_BYTES
    view.setUint16(at, entry.index, true)
    view.setUint32(at + 2, entry.codec | (entry.storedLength << 8), true)
  })
  return head
}

export function decodeBlocks(body: Uint8Array): Blocks {
  if (body.length < BLOCKS_HEAD_BYTES) throw new ProtocolError('blocks is too short')
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const count = view.getUint16(4, true)
  const start = BLOCKS_HEAD_BYTES + count * ENTRY_BYTES
  if (count > RUN_BLOCKS_MAX || body.length < start) throw new ProtocolError('blocks has a malformed table')
  const entries: BlockEntry[] = []
  let total = 0
  for (let i = 0; i < count; i++) {
    const entry = readEntry(view, BLOCKS_HEAD_BYTES + i * ENTRY_BYTES)
    const before = entries[i - 1]
    if (before !== undefined && entry.index <= before.index) throw new ProtocolError('blocks is out of order')
    total += entry.storedLength
    entries.push(entry)
  }
  const rest = body.length - start - total
  const solid = entries.some(({ codec }) => codec === CODEC_SOLID)
  if (solid ? rest < 1 : rest !== 0)
    throw new ProtocolError('blocks has frames of another length than its table')
  return { type: 'blocks', request: view.getUint32(0, true), entries, payload: body.subarray(start) }
}

function readEntry(view: DataView, at: number): BlockEntry {
  const index = view.getUint16(at, true)
  const packed = view.getUint32(at + 2, true)
  const codec = packed & 0xff
  const storedLength = packed >>> 8
  if (codec !== CODEC_RAW && codec !== CODEC_ZSTD && codec !== CODEC_SOLID)
    throw new ProtocolError('blocks has an unknown codec')
  // Only a block of the solid frame has no bytes of its own.
  const empty = storedLength === 0
  if (index >= RUN_BLOCKS_MAX || empty !== (codec === CODEC_SOLID) || storedLength > FRAME_BYTES_MAX) {
    throw new ProtocolError('blocks has an entry out of range')
  }
  return { index, codec, storedLength }
}

export function encodeNodeHead(part: NodePart): Uint8Array {
  const head = new Uint8Array(NODE_HEAD_BYTES)
  const view = new DataView(head.buffer)
  view.setUint32(0, part.request, true)
  view.setUint32(4, part.total, true)
  view.setUint32(8, part.offset, true)
  return head
}

export function decodeNodePart(body: Uint8Array, totalMax: number): NodePart {
  if (body.length < NODE_HEAD_BYTES) throw new ProtocolError('node is too short')
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const total = view.getUint32(4, true)
  const offset = view.getUint32(8, true)
  const bytes = body.subarray(NODE_HEAD_BYTES)
  if (total > totalMax || offset + bytes.length > total)
    throw new ProtocolError('node is larger than it may be')
  if (total > 0 && bytes.length === 0) throw new ProtocolError('node has an empty part')
  return { type: 'node', request: view.getUint32(0, true), total, offset, bytes }
}
