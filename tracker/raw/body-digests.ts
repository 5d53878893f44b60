import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { IntegrityError, InvalidError } from '../../src/core/errors.ts'

const BYTES = { md5: 16, sha256: 32, sha512: 64 } as const
type Algorithm = keyof typeof BYTES

/** What a client says that its bytes are. */
export interface DigestClaim {
  /** Header and algorithm, for messages. */
  readonly name: string
  readonly algorithm: Algorithm
  readonly digest: Buffer
}

export interface DigestClaims {
  /** Of the body of the request. */
  readonly body: readonly DigestClaim[]
  /** Of the whole image. */
  readonly whole: readonly DigestClaim[]
}

/** Names of RFC 9530 and RFC 3230. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  md5: 'md5',
}
const CLAIMS_MAX = 8

/**
 * The digests of Content-MD5 (RFC 1864) and Content-Digest (RFC 9530), which speak of the body, and of Repr-Digest (RFC 9530) and Digest
 * (RFC 3230), which speak of the whole. Algorithms that nobody here knows are passed over, as these say. Throws InvalidError on
 * malformed ones.
 */
export function digestClaims(headers: IncomingHttpHeaders): DigestClaims {
  const md5 = textOf(headers['content-md5'])
  const body = md5 === undefined ? [] : [claim('Content-MD5', 'md5', md5)]
  const of = (name: string, form: RegExp) => claimsOf(name, textOf(headers[name.toLowerCase()]), form)
  return {
    body: [...body, ...of('Content-Digest', STRUCTURED)],
    whole: [...of('Repr-Digest', STRUCTURED), ...of('Digest', PLAIN)],
  }
}

const STRUCTURED = /^\s*(?<name>[a-z0-9-]+)\s*=\s*:(?<value>[A-Za-z0-9+/=]*):\s*$/i
const PLAIN = /^\s*(?<name>[a-z0-9-]+)\s*=\s*(?<value>[A-Za-z0-9+/=]+)\s*$/i

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header
}

function claimsOf(header: string, text: string | undefined, form: RegExp): DigestClaim[] {
  if (text === undefined) return []
  const parts = text.split(',')
  if (parts.length > CLAIMS_MAX) throw new InvalidError(`${header} has too many digests`)
  return parts.flatMap((part) => {
    const { name = '', value = '' } = form.exec(part)?.groups ?? {}
    if (name === '') throw new InvalidError(`${header} is malformed: use sha-256=:BASE64:`)
    const algorithm = ALGORITHMS[name.toLowerCase()]
    return algorithm === undefined ? [] : [claim(`${header} (${name.toLowerCase()})`, algorithm, value)]
  })
}

function claim(name: string, algorithm: Algorithm, value: string): DigestClaim {
  const digest = Buffer.from(value, 'base64')
  if (digest.length === BYTES[algorithm]) return { name, algorithm, digest }
  throw new InvalidError(`${name} is not a digest of ${BYTES[algorithm]} bytes in base64`)
}

/** Hashes a body as it comes, with what its claims need. */
export class ClaimedHashes {
  readonly #claims: readonly DigestClaim[]
  readonly #hashes = new Map<Algorithm, Hash>()

  constructor(claims: readonly DigestClaim[]) {
    this.#claims = claims
    for (const { algorithm } of claims) this.#hashes.set(algorithm, createHash(algorithm))
  }

  update(bytes: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(bytes)
  }

  /** Throws IntegrityError where a claim is not true. To be called once. */
  check(): void {
    const found = new Map([...this.#hashes].map(([algorithm, hash]) => [algorithm, hash.digest()]))
    for (const { name, algorithm, digest } of this.#claims)
      if (found.get(algorithm)?.equals(digest) !== true) throw claimFailed(name)
  }
}

export function claimFailed(name: string): IntegrityError {
  return new IntegrityError(`the bytes that came are not those of ${name}: send them again`, {
    data: { header: name },
  })
}
