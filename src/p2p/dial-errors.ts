import { AbortedError, TimeoutError, UnreachableError } from '../core/errors.ts'
import type { PeerKey } from '../core/router.ts'

/** Names of libp2p's and codes of the system's errors that mean: this peer cannot be spoken to now. */
const UNREACHABLE = new Set([
  'ConnectionClosedError',
  'ConnectionClosingError',
  'ConnectionFailedError',
  'DialDeniedError',
  'DialError',
  'InvalidCryptoExchangeError',
  'MaxEarlyStreamsError',
  'MuxerClosedError',
  'MuxerUnavailableError',
  'NoValidAddressesError',
  'NotFoundError',
  'StreamClosedError',
  'StreamResetError',
  'StreamStateError',
  'StreamAbortedError',
  'TooManyOutboundProtocolStreamsError',
  'TransportUnavailableError',
  'UnexpectedEOFError',
  'UnsupportedProtocolError',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
])
const TIMEOUT = new Set(['TimeoutError', 'ETIMEDOUT', 'AbortError'])

/**
 * What Carrier.open throws for a failure of libp2p: AbortedError when the caller stopped it, else UnreachableError or
 * TimeoutError. An error that is not recognised comes back as it is.
 */
export function dialError(cause: unknown, peer: PeerKey, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return new AbortedError('stopped on request', { cause })
  const names = namesOf(cause)
  const data = { peer }
  if (names.includes('EncryptionFailedError') || names.includes('UnexpectedPeerError')) {
    return new UnreachableError(`whoever answered did not prove to be peer ${peer}`, { cause, data })
  }
  if (names.includes('UnsupportedProtocolError')) {
    return new UnreachableError(`peer ${peer} does not speak the protocol`, { cause, data })
  }
  if (names.length > 0 && names.every((name) => TIMEOUT.has(name))) {
    return new TimeoutError(`peer ${peer} did not answer in time`, { cause, data })
  }
  if (names.length > 0 && names.every((name) => UNREACHABLE.has(name) || TIMEOUT.has(name))) {
    return new UnreachableError(`peer ${peer} cannot be reached`, { cause, data })
  }
  return cause
}

/** One name for each error: of every attempt when there were several. */
function namesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(namesOf)
  if (!(error instanceof Error)) return []
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return [code !== undefined && UNREACHABLE.has(code) ? code : error.name]
}
