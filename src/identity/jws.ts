import { createHash, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { CompactSign, compactVerify, errors } from 'jose'
import { CertificateError, InvalidError, SignatureError } from '../core/errors.ts'
import { CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX, JWS_BYTES_MAX } from '../core/limits.ts'
import type { Identity } from './identity-files.ts'
import { judgePath, type Principal, type ValidationInit } from './path-validation.ts'
import { readCertificate } from './pem.ts'
import type { Trust } from './trust.ts'
import { remembered } from './validated-chains.ts'

/** Signature algorithms of every token (RFC 7518, RFC 8037). Nothing else is accepted, `none` least of all. */
const ALGORITHMS: ReadonlySet<string> = new Set(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])

/**
 * Signs `claims` as a compact JWS (RFC 7515) with the header fields `alg`, `typ` and `x5c`. What a tracker signs is verified
 * by `verifyJws`, what anybody else signs, also with a proxy, by `verifyStatement`. Throws InvalidError when the result would be larger than verifiers accept, CertificateError when no
 * algorithm suits the key.
 */
export async function signJws(
  identity: Identity,
  claims: Record<string, unknown>,
  options: { typ: string },
): Promise<string> {
  return await signPayload(identity, new TextEncoder().encode(JSON.stringify(claims)), options)
}

/** Signs octets that were signed before, for a certificate that has taken the place of another. Errors: as `signJws`. */
export async function signPayload(
  identity: Identity,
  payload: Uint8Array,
  options: { typ: string },
): Promise<string> {
  const key = keyOf(identity)
  const header = {
    alg: algorithmOf(key),
    typ: options.typ,
    x5c: identity.chain.map(({ raw }) => raw.toString('base64')),
  }
  const token = await new CompactSign(payload).setProtectedHeader(header).sign(key)
  if (token.length > JWS_BYTES_MAX) {
    throw new InvalidError(`what is to be signed takes ${token.length} bytes, ${JWS_BYTES_MAX} are allowed`)
  }
  return token
}

const keys = new WeakMap<Identity, { pem: string; key: KeyObject }>()

/** The parsed key: parsing takes as long as signing. An identity may get another key while it lives. */
function keyOf(identity: Identity): KeyObject {
  const pem = identity.keyPem
  const known = keys.get(identity)
  if (known?.pem === pem) return known.key
  const key = createPrivateKey(pem)
  keys.set(identity, { pem, key })
  return key
}

/** The algorithm that this side signs with: the first of those that suit the key. */
function algorithmOf(key: KeyObject): string {
  const [first] = algorithmsFor(key)
  if (first !== undefined) return first
  throw new CertificateError('nothing can be signed with this kind of key; use RSA, P-256, P-384 or Ed25519')
}

function algorithmsFor(key: KeyObject): readonly string[] {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType === 'rsa') return ['RS256', 'PS256']
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA']
  if (curve === 'prime256v1') return ['ES256']
  return curve === 'secp384r1' ? ['ES384'] : []
}

/** What a verified token says, and who signed it. */
export interface Verified {
  /** What the signer said; the fields are for the caller to check. */
  readonly claims: Record<string, unknown>
  readonly principal: Principal
}

export interface StatementInit {
  readonly trust: Trust
  /** The `typ` that its header must have; statements of users never have one of the tracker's own types. */
  readonly typ: string
  readonly nowMs: number
  /**
   * When it was signed, for what may outlive the certificates of its signer. Only from a source that the signer cannot
   * write, such as a record of the tracker; never from the statement itself. `nowMs` unless given. A certificate that has been
   * revoked meanwhile is refused all the same.
   */
  readonly madeAtMs?: number | undefined
}

/**
 * Verifies a compact JWS of the tracker that may come from anybody. Whoever may serve `host` over TLS may sign in its
 * name: the chain in `x5c` must be valid for the purpose `sign` and for this host. Throws SignatureError when the token is
 * malformed, of another type or wrongly signed, CertificateError when its chain is not acceptable.
 */
export async function verifyJws(
  token: string,
  init: StatementInit & { readonly host: string },
): Promise<Verified> {
  const { trust, typ, nowMs, madeAtMs, host } = init
  return await verify(token, { typ, judge: { trust, nowMs, atMs: madeAtMs, host, purpose: 'sign' } })
}

/**
 * Verifies a compact JWS that a user or a machine has signed with its certificate or with a proxy (`signJws` makes it). Any
 * valid identity can make one: what `principal` may say, and whether one with a limited proxy may say it
 * (`principal.limited`), is for the caller to decide. Errors: as `verifyJws`.
 */
export async function verifyStatement(token: string, init: StatementInit): Promise<Verified> {
  const { trust, typ, nowMs, madeAtMs } = init
  return await verify(token, { typ, judge: { trust, nowMs, atMs: madeAtMs, purpose: 'any' } })
}

async function verify(token: string, init: { typ: string; judge: ValidationInit }): Promise<Verified> {
  const { alg, x5c } = readHeader(token, init.typ)
  const { principal, publicKey } = signerOf(x5c, init.judge)
  if (!algorithmsFor(publicKey).includes(alg)) {
    throw new SignatureError('its algorithm does not suit the key of its signer')
  }
  let payload: Uint8Array
  try {
    payload = (await compactVerify(token, publicKey, { algorithms: [alg] })).payload
  } catch (cause) {
    if (cause instanceof errors.JOSEError)
      throw new SignatureError('the signature does not verify', { cause })
    throw cause
  }
  return { claims: parseObject(payload, 'its claims'), principal }
}

function readHeader(token: string, typ: string): { alg: string; x5c: string[] } {
  if (token.length > JWS_BYTES_MAX) throw new SignatureError(`a token has more than ${JWS_BYTES_MAX} bytes`)
  const parts = token.split('.', 4)
  const [encoded = '', , signature = ''] = parts
  if (parts.length !== 3) throw new SignatureError('a token has three parts')
  // The last characters of base64url may differ and mean the same octets; only one form is accepted.
  for (const part of parts) {
    if (Buffer.from(part, 'base64url').toString('base64url') !== part || part === '') {
      throw new SignatureError('a part of a token is not base64url')
    }
  }
  if (signature.length > 2048) throw new SignatureError('a signature is too long')
  const header = parseObject(Buffer.from(encoded, 'base64url'), 'its header')
  if (header['typ'] !== typ) throw new SignatureError(`the token is not of the type ${typ}`)
  if ('crit' in header || 'b64' in header) throw new SignatureError('the token has header extensions')
  const { alg, x5c } = header
  if (typeof alg !== 'string' || !ALGORITHMS.has(alg))
    throw new SignatureError('its algorithm is not allowed')
  return { alg, x5c: checkChain(x5c) }
}

function checkChain(x5c: unknown): string[] {
  const textsMax = Math.ceil(CERTIFICATE_BYTES_MAX / 3) * 4
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > CHAIN_CERTIFICATES_MAX) {
    throw new SignatureError(`the token has no chain (x5c) of 1 to ${CHAIN_CERTIFICATES_MAX} certificates`)
  }
  if (x5c.some((text) => typeof text !== 'string' || text.length > textsMax)) {
    throw new SignatureError('the chain (x5c) of the token is malformed')
  }
  return x5c
}

function signerOf(x5c: string[], judge: ValidationInit): { principal: Principal; publicKey: KeyObject } {
  const { trust, nowMs, atMs, purpose, host } = judge
  const validate = () => {
    const chain = x5c.map(certificateOf)
    const path = judgePath(chain, judge)
    const [leaf] = chain
    if (leaf === undefined) throw new SignatureError('the token has no chain (x5c)')
    return { ...path, publicKey: leaf.publicKey }
  }
  const digest = createHash('sha256').update(x5c.join()).digest('base64')
  return remembered({ trust, nowMs, atMs, key: ['jws', purpose, host, digest].join('|') }, validate)
}

function certificateOf(text: string): X509Certificate {
  const der = Buffer.from(text, 'base64')
  if (der.toString('base64') !== text) throw new SignatureError('the chain (x5c) of the token is not base64')
  const certificate = readCertificate(der)
  if (!certificate.raw.equals(der)) throw new CertificateError('a certificate is followed by other bytes')
  return certificate
}

function parseObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new SignatureError(`the token is malformed: ${what} is not JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SignatureError(`the token is malformed: ${what} is not an object`)
  }
  return value as Record<string, unknown>
}
