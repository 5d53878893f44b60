import { type DigestKey, digestKey, digestOf } from './cid.ts'
import { SignatureError } from './errors.ts'

/**
 * What every signed statement about one thing (its target) says of its place: statements are numbered from 1 on, and
 * each names the payload of the one before by its digest. docs/specs/signed-registry-v1.md.
 */
export interface Link {
  readonly target: string
  /** From 1 on. */
  readonly serial: number
  /** Digest of the payload of the statement before; null for the first. */
  readonly previous: DigestKey | null
  /** Made by an admin after statements were lost or altered: numbers may be missing before it. */
  readonly repaired: boolean
  /** Seconds since the epoch; never before that of the statement before. */
  readonly iat: number
}

/** A statement as it was found, and the digest of its payload. */
export interface Linked {
  readonly link: Link
  readonly digest: DigestKey
}

/** Sha-256 of the payload octets of a compact JWS: stays the same when the payload is signed anew. */
export function payloadDigest(token: string): DigestKey {
  return digestKey(digestOf(payloadOf(token)))
}

/** Payload octets of a compact JWS, whoever signed it. */
export function payloadOf(token: string): Uint8Array {
  const [, payload = ''] = token.split('.', 3)
  return Buffer.from(payload, 'base64url')
}

/**
 * Checks that `next` follows `before` (undefined: that it begins a chain). Returns how many statements are missing
 * between the two, which only a repair may leave out. Throws SignatureError.
 */
export function checkFollows(before: Linked | undefined, next: Link): number {
  const wrong = (what: string) =>
    new SignatureError(`statement ${next.serial} of ${next.target} ${what}`, {
      data: { target: next.target },
    })
  const serial = (before?.link.serial ?? 0) + 1
  if (before !== undefined && before.link.target !== next.target) throw wrong('is in the chain of another')
  if (next.serial < serial || (next.serial > serial && !next.repaired))
    throw wrong(`is not number ${serial}, which comes next`)
  if (next.previous !== (before?.digest ?? null)) throw wrong('does not name the one before it')
  if (before !== undefined && next.iat < before.link.iat) throw wrong('is older than the one before it')
  return next.serial - serial
}
