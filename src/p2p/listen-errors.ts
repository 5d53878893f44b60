import { ConfigError } from '../core/errors.ts'
import { LISTEN_CODES, listenAdvice } from '../util/cannot-listen.ts'

/** libp2p keeps no error of an address, only text: the address with two spaces before it, then what the system said. */
const FAILED = /^ {2}(\/\S+): (.*)$/gm

/**
 * What Libp2pHost.start throws for a failure of libp2p to listen: ConfigError that names the addresses. An error that is
 * not recognised comes back as it is.
 */
export function listenError(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause.name !== 'UnsupportedListenAddressesError') return cause
  const addresses: string[] = []
  const sentences: string[] = []
  for (const [, address = '', reason = ''] of cause.message.matchAll(FAILED)) {
    addresses.push(address)
    sentences.push(sentenceOf(address, reason))
  }
  if (addresses.length === 0) return cause
  return new ConfigError(`p2p.listen: ${sentences.join('; ')}`, { cause, data: { addresses } })
}

function sentenceOf(address: string, reason: string): string {
  const code = LISTEN_CODES.find((known) => reason.includes(known))
  if (code !== undefined) return listenAdvice(address, code)
  if (reason.startsWith('UnsupportedListenAddressError'))
    return `cannot listen on ${address}: only /tcp is spoken here`
  return `cannot listen on ${address}: ${reason}`
}
