import * as dagCbor from '@ipld/dag-cbor'
import { DIGEST_BYTES } from '../core/cid.ts'
import { ProtocolError } from '../core/errors.ts'
import {
  HAVE_PARTS_RUNS_MAX,
  JWS_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  RUN_BLOCKS_MAX,
  SEGMENT_BLOCKS_MAX,
  SEGMENTS_MAX,
} from '../core/limits.ts'
import { TRAFFIC_CLASSES } from '../core/traffic-class.ts'
import { decodeBlocks, decodeNodePart, encodeBlocksHead, encodeNodeHead } from './bulk-codec.ts'
import { type Blocks, MESSAGE_TYPES, type Message, type MessageType } from './message-types.ts'

/** u32 length of what follows it, u8 type. */
export const HEADER_BYTES = 5

type Field = (value: unknown) => boolean

const uint =
  (max: number): Field =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max
const text =
  (max: number): Field =>
  (value) =>
    typeof value === 'string' && value.length <= max
const bytes =
  (min: number, max: number): Field =>
  (value) =>
    value instanceof Uint8Array && value.length >= min && value.length <= max
const flag: Field = (value) => typeof value === 'boolean'
const list =
  (item: Field, max: number): Field =>
  (value) =>
    Array.isArray(value) && value.length <= max && value.every(item)

const digestList: Field = (value) =>
  value instanceof Uint8Array &&
  value.length > 0 &&
  value.length <= RUN_BLOCKS_MAX * DIGEST_BYTES &&
  value.length % DIGEST_BYTES === 0

const ID = uint(0xffff_ffff)
const RUNS_MAX = SEGMENTS_MAX * SEGMENT_BLOCKS_MAX
const RUN = uint(RUNS_MAX)
/** Bits of a have bitmap that fit into one control message; enough for 2 TiB of full runs. */
export const HAVE_BITMAP_BYTES_MAX = 256 * 1024
/** Runs in one `have` message. */
export const HAVE_RUNS_MAX = 4096

/** Fields of each control message; they travel as a dag-cbor map. */
const CONTROL: Partial<Record<MessageType, Record<string, Field>>> = {
  hello: { version: uint(255), credit: uint(2 ** 40), agent: text(128), pass: text(JWS_BYTES_MAX) },
  open: { id: ID, manifest: text(128), grant: text(JWS_BYTES_MAX) },
  opened: { id: ID, runs: RUN, have: bytes(0, HAVE_BITMAP_BYTES_MAX) },
  refused: { id: ID },
  renew: { id: ID, grant: text(JWS_BYTES_MAX) },
  have: { id: ID, byOpener: flag, runs: list(RUN, HAVE_RUNS_MAX) },
  haveParts: { id: ID, runs: list(RUN, HAVE_PARTS_RUNS_MAX), parts: bytes(0, HAVE_PARTS_RUNS_MAX) },
  want: {
    id: ID,
    request: ID,
    run: RUN,
    missing: bytes(1, RUN_BLOCKS_MAX / 8),
    class: uint(TRAFFIC_CLASSES.length - 1),
    solid: flag,
  },
  wantDigests: {
    id: ID,
    request: ID,
    digests: digestList,
    class: uint(TRAFFIC_CLASSES.length - 1),
    solid: flag,
  },
  cancel: { request: ID },
  busy: { request: ID, retryMs: uint(3_600_000) },
  failed: { request: ID },
  ask: { id: ID, request: ID, count: uint(64), starving: flag },
  assign: { request: ID, runs: list(RUN, 64), retryMs: uint(3_600_000) },
  wantNode: { id: ID, request: ID, digest: bytes(32, 32) },
  leave: { id: ID, byOpener: flag },
  pass: { pass: text(JWS_BYTES_MAX) },
  denied: {},
}

/** Longest body of a control message. */
export const CONTROL_BYTES_MAX = HAVE_BITMAP_BYTES_MAX + 1024
/** Longest body of a `hello`: all that a peer may send before its pass is known. */
export const HELLO_BYTES_MAX = JWS_BYTES_MAX + 1024

const TYPE_OF = new Map<number, MessageType>(
  (Object.keys(MESSAGE_TYPES) as MessageType[]).map((type) => [MESSAGE_TYPES[type], type]),
)

/** Name of a type byte. Throws ProtocolError on an unknown one. */
export function messageTypeOf(byte: number): MessageType {
  const type = TYPE_OF.get(byte)
  if (type === undefined) throw new ProtocolError(`unknown message type ${byte}`)
  return type
}

/**
 * Pieces of a `blocks` to send in order: header and table, then the frames as they are given, the solid one last, not copied.
 */
export function encodeBlocks(
  message: Pick<Blocks, 'request' | 'entries'>,
  frames: readonly Uint8Array[],
): Uint8Array[] {
  const payloadBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  return [withHeader('blocks', encodeBlocksHead(message), payloadBytes), ...frames]
}

/** Pieces to send in order: header and head, then (for `blocks` and `node`) the bulk bytes, not copied. */
export function encodeMessage(message: Message): Uint8Array[] {
  if (message.type === 'blocks') return encodeBlocks(message, [message.payload])
  if (message.type === 'node') {
    const head = withHeader('node', encodeNodeHead(message), message.bytes.length)
    return message.bytes.length === 0 ? [head] : [head, message.bytes]
  }
  const { type, ...fields } = message
  return [withHeader(type, dagCbor.encode(fields), 0)]
}

function withHeader(type: MessageType, head: Uint8Array, bulkBytes: number): Uint8Array {
  const first = new Uint8Array(HEADER_BYTES + head.length)
  const view = new DataView(first.buffer)
  view.setUint32(0, 1 + head.length + bulkBytes, true)
  first[4] = MESSAGE_TYPES[type]
  first.set(head, HEADER_BYTES)
  return first
}

/** Reads the body of a message (what follows the type byte). Throws ProtocolError on anything malformed. */
export function decodeMessage(type: MessageType, body: Uint8Array): Message {
  if (type === 'blocks') return decodeBlocks(body)
  if (type === 'node') return decodeNodePart(body, MANIFEST_BYTES_MAX)
  let fields: unknown
  try {
    fields = dagCbor.decode(body)
  } catch (cause) {
    throw new ProtocolError(`${type} is not dag-cbor`, { cause })
  }
  checkFields(type, fields)
  return { type, ...fields } as unknown as Message
}

function checkFields(type: MessageType, fields: unknown): asserts fields is Record<string, unknown> {
  const expected = CONTROL[type] ?? {}
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new ProtocolError(`${type} is not a map`)
  }
  const found = fields as Record<string, unknown>
  const names = Object.keys(expected)
  if (Object.keys(found).length !== names.length)
    throw new ProtocolError(`${type} has unknown or missing fields`)
  for (const name of names) {
    if (!Object.hasOwn(found, name) || expected[name]?.(found[name]) !== true) {
      throw new ProtocolError(`${type} has a malformed field ${name}`)
    }
  }
}
