import { payloadOf } from '../../src/core/chain.ts'
import { InvalidError } from '../../src/core/errors.ts'

/** What a compact JWS says, its signature not looked at. Throws InvalidError when it is no JSON object. */
export function claimsOf(token: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payloadOf(token)))
  } catch (cause) {
    throw new InvalidError('what was signed is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidError('what was signed is not an object')
  return value as Record<string, unknown>
}

/** When a JWS says that it was signed, in milliseconds since the epoch. Throws InvalidError. */
export function signedAtMs(claims: Readonly<Record<string, unknown>>): number {
  const { iat } = claims
  if (typeof iat === 'number' && Number.isSafeInteger(iat) && iat >= 0) return iat * 1000
  throw new InvalidError('what was signed does not say when')
}
