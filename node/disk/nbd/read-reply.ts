import { InternalError } from '../../../src/core/errors.ts'
import { PAGE_BYTES } from '../../../src/core/limits.ts'
import type { Piece } from './export.ts'
import type { Outbox } from './outbox.ts'
import { dataChunk, holeChunk, simpleReply } from './replies.ts'
import type { NbdRequest } from './requests.ts'
import { COMMAND_FLAG, NBD_ERROR } from './wire.ts'

/** Spans of zeros below this are sent as bytes: a chunk of their own, and one more for what follows, cost more than they save. */
const HOLE_BYTES_MIN = PAGE_BYTES

/** Answers a read with the pieces of its export. Throws InternalError, before anything is written, when they are not as long as what was asked for. */
export function readReply(
  outbox: Outbox,
  request: NbdRequest,
  answer: { pieces: readonly Piece[]; structured: boolean },
): void {
  const { pieces, structured } = answer
  const { offset, length } = request
  const [first] = pieces
  if (pieces.length === 1 && first instanceof Uint8Array && first.length === length) {
    if (structured) dataChunk(outbox, request, { offset, length, isLast: true })
    else simpleReply(outbox, request, NBD_ERROR.ok)
    outbox.append(first)
    return
  }
  checkLength(pieces, length)
  if (structured) structuredReply(outbox, request, pieces)
  else {
    simpleReply(outbox, request, NBD_ERROR.ok)
    appendAll(outbox, pieces)
  }
}

function checkLength(pieces: readonly Piece[], length: number): void {
  const sum = pieces.reduce((total, piece) => total + lengthOf(piece), 0)
  if (sum !== length) throw new InternalError(`a disk gave ${sum} bytes where ${length} were asked for`)
}

/** Neighbours of one kind: bytes, short spans of zeros among them, or a hole. */
interface Part {
  readonly isHole: boolean
  readonly pieces: Piece[]
  length: number
}

function structuredReply(outbox: Outbox, request: NbdRequest, pieces: readonly Piece[]): void {
  const parts = partsOf(pieces)
  const isWhole = (request.flags & COMMAND_FLAG.df) !== 0 && parts.length > 1
  const sent = isWhole ? [{ isHole: false, pieces: [...pieces], length: request.length }] : parts
  let { offset } = request
  for (const [i, part] of sent.entries()) {
    const init = { offset, length: part.length, isLast: i === sent.length - 1 }
    if (part.isHole) holeChunk(outbox, request, init)
    else {
      dataChunk(outbox, request, init)
      appendAll(outbox, part.pieces)
    }
    offset += part.length
  }
}

function partsOf(pieces: readonly Piece[]): Part[] {
  const parts: Part[] = []
  for (const piece of joined(pieces)) {
    const length = lengthOf(piece)
    const isHole = !(piece instanceof Uint8Array) && length >= HOLE_BYTES_MIN
    const last = parts.at(-1)
    if (last?.isHole === false && !isHole) {
      last.pieces.push(piece)
      last.length += length
    } else parts.push({ isHole, pieces: [piece], length })
  }
  return parts
}

/** Without empty pieces, and with neighbouring spans of zeros as one. */
function joined(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = []
  for (const piece of pieces) {
    const last = result.at(-1)
    if (lengthOf(piece) === 0) continue
    if (piece instanceof Uint8Array || last === undefined || last instanceof Uint8Array) result.push(piece)
    else result[result.length - 1] = { zeros: last.zeros + piece.zeros }
  }
  return result
}

function appendAll(outbox: Outbox, pieces: readonly Piece[]): void {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) outbox.append(piece)
    else outbox.appendZeros(piece.zeros)
  }
}

function lengthOf(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.length : piece.zeros
}
