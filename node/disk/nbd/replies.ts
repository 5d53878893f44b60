import type { Extent } from './export.ts'
import { shortText } from './option-replies.ts'
import type { Outbox } from './outbox.ts'
import type { NbdRequest } from './requests.ts'
import { NBD_ERROR, REPLY_FLAG_DONE, REPLY_TYPE, SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC } from './wire.ts'

const STRUCTURED_HEADER_BYTES = 20
const SIMPLE_REPLY_BYTES = 16
/** Extents that are encoded at a time. */
const EXTENTS_PER_PART = 32

type Cookie = Pick<NbdRequest, 'cookieHigh' | 'cookieLow'>

/** Header of an answer without structure; `error` 0 says that all is well. */
export function simpleReply(outbox: Outbox, { cookieHigh, cookieLow }: Cookie, error: number): void {
  const bytes = outbox.room(SIMPLE_REPLY_BYTES)
  bytes.writeUInt32BE(SIMPLE_REPLY_MAGIC, 0)
  bytes.writeUInt32BE(error, 4)
  bytes.writeUInt32BE(cookieHigh, 8)
  bytes.writeUInt32BE(cookieLow, 12)
}

/** What one chunk of a structured answer says before its payload. */
interface ChunkInit {
  readonly type: number
  readonly payloadBytes: number
  readonly isLast: boolean
}

/** Header of a chunk, and room for `more` bytes behind it, which the caller fills from `STRUCTURED_HEADER_BYTES` on. */
function chunk(outbox: Outbox, cookie: Cookie, init: ChunkInit & { more: number }): Buffer {
  const bytes = outbox.room(STRUCTURED_HEADER_BYTES + init.more)
  bytes.writeUInt32BE(STRUCTURED_REPLY_MAGIC, 0)
  bytes.writeUInt16BE(init.isLast ? REPLY_FLAG_DONE : 0, 4)
  bytes.writeUInt16BE(init.type, 6)
  bytes.writeUInt32BE(cookie.cookieHigh, 8)
  bytes.writeUInt32BE(cookie.cookieLow, 12)
  bytes.writeUInt32BE(init.payloadBytes, 16)
  return bytes
}

/** Where a part of an answer begins, and how long it is. */
export interface PartInit {
  readonly offset: number
  readonly length: number
  readonly isLast: boolean
}

/** A chunk of data, without the bytes. */
export function dataChunk(outbox: Outbox, cookie: Cookie, { offset, length, isLast }: PartInit): void {
  const init = { type: REPLY_TYPE.offsetData, payloadBytes: 8 + length, isLast, more: 8 }
  writeOffset(chunk(outbox, cookie, init), offset)
}

export function holeChunk(outbox: Outbox, cookie: Cookie, { offset, length, isLast }: PartInit): void {
  const init = { type: REPLY_TYPE.offsetHole, payloadBytes: 12, isLast, more: 12 }
  const bytes = chunk(outbox, cookie, init)
  writeOffset(bytes, offset)
  bytes.writeUInt32BE(length, STRUCTURED_HEADER_BYTES + 8)
}

/** All that there is to say: it is done. */
export function doneChunk(outbox: Outbox, cookie: Cookie): void {
  chunk(outbox, cookie, { type: REPLY_TYPE.none, payloadBytes: 0, isLast: true, more: 0 })
}

export function errorChunk(outbox: Outbox, cookie: Cookie, init: { error: number; message: string }): void {
  const message = shortText(init.message)
  const payloadBytes = 6 + message.length
  const bytes = chunk(outbox, cookie, { type: REPLY_TYPE.error, payloadBytes, isLast: true, more: 6 })
  bytes.writeUInt32BE(init.error === NBD_ERROR.ok ? NBD_ERROR.io : init.error, STRUCTURED_HEADER_BYTES)
  bytes.writeUInt16BE(message.length, STRUCTURED_HEADER_BYTES + 4)
  outbox.append(message)
}

interface StatusInit {
  readonly contextId: number
  readonly extents: readonly Extent[]
  readonly isLast: boolean
}

export function statusChunk(outbox: Outbox, cookie: Cookie, init: StatusInit): void {
  const { contextId, extents, isLast } = init
  const payloadBytes = 4 + 8 * extents.length
  const head = chunk(outbox, cookie, { type: REPLY_TYPE.blockStatus, payloadBytes, isLast, more: 4 })
  head.writeUInt32BE(contextId, STRUCTURED_HEADER_BYTES)
  for (let from = 0; from < extents.length; from += EXTENTS_PER_PART) {
    const part = extents.slice(from, from + EXTENTS_PER_PART)
    const bytes = outbox.room(8 * part.length)
    part.forEach(({ length, flags }, i) => {
      bytes.writeUInt32BE(length, 8 * i)
      bytes.writeUInt32BE(flags, 8 * i + 4)
    })
  }
}

/** Offsets of ours are exact numbers. */
function writeOffset(bytes: Buffer, offset: number): void {
  bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), STRUCTURED_HEADER_BYTES)
  bytes.writeUInt32BE(offset % 2 ** 32, STRUCTURED_HEADER_BYTES + 4)
}
