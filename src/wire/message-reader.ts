import { ProtocolError } from '../core/errors.ts'
import { EXCHANGE_MESSAGE_BYTES_MAX } from '../core/limits.ts'
import {
  CONTROL_BYTES_MAX,
  decodeMessage,
  HEADER_BYTES,
  HELLO_BYTES_MAX,
  messageTypeOf,
} from './message-codec.ts'
import type { Message, MessageType } from './message-types.ts'

/** Longest body of each type. `bulk` says whether the receiver awaits bulk messages at all. */
function bodyBytesMax(type: MessageType, bulk: boolean): number {
  if (type === 'hello') return HELLO_BYTES_MAX
  if (type !== 'blocks' && type !== 'node') return CONTROL_BYTES_MAX
  return bulk ? EXCHANGE_MESSAGE_BYTES_MAX : 0
}

export interface MessageReaderInit {
  /** Whether a `blocks` or `node` may come now: only after a request of ours. */
  expectsBulk(): boolean
  /** Whether the other side has said a hello that was accepted; until then nothing else is taken from it. Always unless given. */
  greeted?(): boolean
  /** Memory for the body of a `blocks` that has arrived. */
  allocate?(length: number): Uint8Array
}

/**
 * Cuts a byte stream into messages. Keeps only what has arrived, never what a header promises; a body is
 * joined once, when it is whole. After a ProtocolError the stream is lost and the reader must be dropped.
 */
export class MessageReader {
  #pieces: Uint8Array[] = []
  #buffered = 0
  #header: { type: MessageType; body: number } | undefined
  readonly #init: MessageReaderInit

  constructor(init: MessageReaderInit) {
    this.#init = init
  }

  /** Takes a piece of the stream, yields the messages that it completes. Throws ProtocolError. */
  *push(piece: Uint8Array): Generator<Message> {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#buffered += piece.length
    for (;;) {
      this.#header ??= this.#readHeader()
      if (this.#header === undefined || this.#buffered < this.#header.body) return
      const { type, body } = this.#header
      this.#header = undefined
      yield decodeMessage(type, this.#take(body, type === 'blocks' ? this.#init.allocate : undefined))
    }
  }

  #readHeader(): { type: MessageType; body: number } | undefined {
    if (this.#buffered < HEADER_BYTES) return undefined
    const head = this.#take(HEADER_BYTES)
    const length = new DataView(head.buffer, head.byteOffset, HEADER_BYTES).getUint32(0, true)
    const type = messageTypeOf(head[4] ?? 0)
    if (this.#init.greeted?.() === false && type !== 'hello' && type !== 'denied')
      throw new ProtocolError('first message is not hello')
    if (length < 1 || length - 1 > bodyBytesMax(type, this.#init.expectsBulk())) {
      throw new ProtocolError(`${type} of ${length} bytes is too long or was not asked for`)
    }
    return { type, body: length - 1 }
  }

  /** The next `count` bytes in a buffer of their own (short ones may be a view of a piece). */
  #take(count: number, allocate?: (length: number) => Uint8Array): Uint8Array {
    this.#buffered -= count
    const first = this.#pieces[0]
    if (first !== undefined && count <= HEADER_BYTES && first.length > count) {
      this.#pieces[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    const joined = allocate?.(count) ?? new Uint8Array(count)
    let filled = 0
    let used = 0
    while (filled < count) {
      const piece = this.#pieces[used] as Uint8Array
      const part = piece.subarray(0, count - filled)
      joined.set(part, filled)
      filled += part.length
      if (part.length === piece.length) used++
      else this.#pieces[used] = piece.subarray(part.length)
    }
    this.#pieces.splice(0, used)
    return joined
  }
}
