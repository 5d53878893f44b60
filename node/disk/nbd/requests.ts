import type { NbdCommandName } from './observer.ts'
import { COMMAND, REQUEST_MAGIC } from './wire.ts'

/** What a client asks for. */
export interface NbdRequest {
  readonly command: number
  readonly flags: number
  /** Names the request in the answer: 64 bits in two halves, since they mean nothing to us. */
  readonly cookieHigh: number
  readonly cookieLow: number
  /** Infinity where it is past what a number holds exactly. */
  readonly offset: number
  readonly length: number
  /** When it was read, by a clock that never goes back. */
  readonly atMs: number
}

const NAMES = new Map<number, NbdCommandName>([
  [COMMAND.read, 'read'],
  [COMMAND.write, 'write'],
  [COMMAND.disconnect, 'disconnect'],
  [COMMAND.flush, 'flush'],
  [COMMAND.trim, 'trim'],
  [COMMAND.cache, 'cache'],
  [COMMAND.writeZeroes, 'write_zeroes'],
  [COMMAND.blockStatus, 'block_status'],
])

export function commandName(command: number): NbdCommandName {
  return NAMES.get(command) ?? 'other'
}

/** Reads the 28 bytes of a request; undefined: this is not the protocol. */
export function parseRequest(bytes: Buffer, atMs: number): NbdRequest | undefined {
  if (bytes.readUInt32BE(0) !== REQUEST_MAGIC) return undefined
  const offset = bytes.readUInt32BE(16) * 2 ** 32 + bytes.readUInt32BE(20)
  return {
    flags: bytes.readUInt16BE(4),
    command: bytes.readUInt16BE(6),
    cookieHigh: bytes.readUInt32BE(8),
    cookieLow: bytes.readUInt32BE(12),
    offset: Number.isSafeInteger(offset) ? offset : Number.POSITIVE_INFINITY,
    length: bytes.readUInt32BE(24),
    atMs,
  }
}
