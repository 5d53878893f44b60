import type { Landing } from '../core/carrier.ts'
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

/** Bytes of a body that must have come before it gets its memory: the rest of a record, so that a head alone takes nothing. */
const BEGUN_BYTES_MIN = 4096

/** A message whose body has arrived. */
interface Whole {
  readonly type: MessageType
  readonly bytes: Uint8Array
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
 * Cuts a byte stream into messages. Keeps only what has arrived, and takes memory for what a header promises when it has begun to come;
 * a body is joined once. After a ProtocolError the stream is lost and the reader must be dropped.
 *
 * As the Landing of a channel it takes `blocks` where they are to be: no piece of them is copied twice.
 */
export class MessageReader implements Landing {
  /** Bytes of the stream so far. */
  receivedBytes = 0
  #pieces: Uint8Array[] = []
  #buffered = 0
  #header: { type: MessageType; body: number } | undefined
  /** The body of a `blocks` on its way. */
  #body: (Whole & { filled: number }) | undefined
  /** What was taken whole and not yielded yet. */
  #landed: Whole[] = []
  #isNew = false
  #failure: unknown
  /** Whether `push` is in the middle of a piece: what it has not read yet comes first. */
  #isReading = false
  readonly #init: MessageReaderInit

  constructor(init: MessageReaderInit) {
    this.#init = init
  }

  /** Takes a piece of the stream, yields the messages that it completes, after those that have landed. Throws ProtocolError. */
  *push(piece: Uint8Array): Generator<Message> {
    this.#isReading = true
    this.#isNew = false
    try {
      if (this.#failure !== undefined) throw this.#failure
      this.#add(piece)
      for (;;) {
        const message = this.#landed.shift() ?? this.#next()
        if (message === undefined) return
        yield decodeMessage(message.type, message.bytes)
      }
    } finally {
      this.#isReading = false
    }
  }

  take(piece: Uint8Array): boolean {
    if (this.#isReading || this.#landed.length > 0 || this.#init.greeted?.() === false) return false
    this.#add(piece)
    try {
      const message = this.#next()
      if (message !== undefined) this.#landed.push(message)
    } catch (error) {
      // for whoever reads the messages, not for whoever brings the bytes
      this.#failure = error
    }
    this.#isNew = this.#landed.length > 0 || this.#failure !== undefined
    return true
  }

  room(): Uint8Array | undefined {
    if (this.#isReading || this.#landed.length > 0) return undefined
    return this.#body?.bytes.subarray(this.#body.filled)
  }

  landed(bytes: number): void {
    this.receivedBytes += bytes
    const body = this.#body
    if (body === undefined) return
    body.filled += bytes
    if (body.filled < body.bytes.length) return
    this.#body = undefined
    this.#landed.push(body)
    this.#isNew = true
  }

  get waitingBytes(): number {
    if (!this.#isNew) return 0
    return this.#landed.reduce((sum, { bytes }) => sum + bytes.length, 1 + this.#buffered)
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.receivedBytes += piece.length
    this.#pieces.push(piece)
    this.#buffered += piece.length
  }

  /** The next message that is whole. */
  #next(): Whole | undefined {
    if (this.#body === undefined) {
      this.#header ??= this.#readHeader()
      if (this.#header === undefined) return undefined
      const { type, body } = this.#header
      if (type !== 'blocks') return this.#nextOf(type, body)
      if (this.#buffered < Math.min(body, BEGUN_BYTES_MIN)) return undefined
      this.#header = undefined
      this.#body = { type, bytes: this.#init.allocate?.(body) ?? new Uint8Array(body), filled: 0 }
    }
    const body = this.#body
    const count = Math.min(this.#buffered, body.bytes.length - body.filled)
    this.#copy(body.bytes.subarray(body.filled, body.filled + count))
    body.filled += count
    if (body.filled < body.bytes.length) return undefined
    this.#body = undefined
    return body
  }

  #nextOf(type: MessageType, body: number): Whole | undefined {
    if (this.#buffered < body) return undefined
    this.#header = undefined
    return { type, bytes: this.#take(body) }
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
  #take(count: number): Uint8Array {
    const first = this.#pieces[0]
    if (first !== undefined && count <= HEADER_BYTES && first.length > count) {
      this.#buffered -= count
      this.#pieces[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    const joined = new Uint8Array(count)
    this.#copy(joined)
    return joined
  }

  /** Moves the next bytes to where they are to be. */
  #copy(into: Uint8Array): void {
    this.#buffered -= into.length
    let filled = 0
    let used = 0
    while (filled < into.length) {
      const piece = this.#pieces[used] as Uint8Array
      const part = piece.subarray(0, into.length - filled)
      into.set(part, filled)
      filled += part.length
      if (part.length === piece.length) used++
      else this.#pieces[used] = piece.subarray(part.length)
    }
    this.#pieces.splice(0, used)
  }
}
