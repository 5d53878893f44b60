import type { Channel } from '../core/carrier.ts'
import { GrantError, ProtocolError } from '../core/errors.ts'
import { JWS_BYTES_MAX } from '../core/limits.ts'

/** Each side of a new connection shows its pass (docs/specs/pass-v1.md). */
export const PASS_PROTOCOL = '/bootswarm/pass/1'

const HEADER_BYTES = 4
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** One pass, or none where the one of the other side is not accepted: u32 length in little-endian order, then the token. */
export function passFrame(token: string | undefined): Uint8Array {
  const text = new TextEncoder().encode(token ?? '')
  const frame = new Uint8Array(HEADER_BYTES + text.length)
  new DataView(frame.buffer).setUint32(0, text.length, true)
  frame.set(text, HEADER_BYTES)
  return frame
}

/** Reads one pass. Errors: GrantError when it is none, ProtocolError when it is malformed, those of the channel. */
export async function readPass(channel: Channel): Promise<string> {
  let received = new Uint8Array(0)
  for await (const piece of channel.receive()) {
    received = Buffer.concat([received, piece])
    const length = lengthOf(received)
    if (length === undefined || received.length < HEADER_BYTES + length) continue
    if (length === 0) throw new GrantError('peer does not accept our pass')
    return decode(received.subarray(HEADER_BYTES, HEADER_BYTES + length))
  }
  throw new ProtocolError('peer showed no pass')
}

function lengthOf(received: Uint8Array): number | undefined {
  if (received.length < HEADER_BYTES) return undefined
  const length = new DataView(received.buffer, received.byteOffset).getUint32(0, true)
  if (length > JWS_BYTES_MAX || received.length > HEADER_BYTES + JWS_BYTES_MAX)
    throw new ProtocolError(`a pass of ${length} bytes is too long`)
  return length
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new ProtocolError('a pass is no text', { cause })
  }
}
