import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { CertificateError } from '../core/errors.ts'
import { CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'
import { isSelfIssued } from './authorities.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import {
  checkAuthority,
  checkEndEntity,
  checkExtensions,
  checkHost,
  checkValidity,
  type Purpose,
} from './certificate-rules.ts'
import { commonNameOf } from './distinguished-name.ts'
import { buildPath } from './path-building.ts'
import { checkProxies, isLimited, splitPath } from './proxy-rules.ts'
import { refuse } from './refusal.ts'
import type { Trust } from './trust.ts'
import { remembered } from './validated-chains.ts'

/** A user or machine, known by its certificate. */
export interface Principal {
  /** Subject in slash form (docs/specs/identity-v1.md); unique and safe to compare as text. */
  readonly dn: string
  readonly commonName: string
  /** When the first certificate of its path expires, in milliseconds since the epoch. */
  readonly notAfterMs: number
  /** SHA-256 of its own certificate (not of a proxy, which lives for hours), upper-case hex with colons as openssl prints it. */
  readonly fingerprint256: string
  /** How many proxy certificates stand between it and whoever acts for it; 0: none. */
  readonly proxyDepth: number
  /** Whether one of these proxies is limited: then it may read and not change. */
  readonly limited: boolean
}

export interface ValidationInit {
  readonly trust: Trust
  readonly nowMs: number
  /**
   * When the certificates must have been valid; `nowMs` unless given. What was revoked meanwhile counts as revoked, since a stolen
   * key lets its thief claim any time.
   */
  readonly atMs?: number | undefined
  readonly purpose: Purpose
  /** DNS name or IP address that the certificate must be for. */
  readonly host?: string | undefined
}

/** Who it is, and when that holds; times in milliseconds since the epoch. */
export interface ValidatedPath {
  readonly principal: Principal
  /** When the last certificate of the path began. */
  readonly fromMs: number
  /** When the first revocation list ends that was looked at. */
  readonly listsUntilMs: number
}

/**
 * Checks a certificate and its path to an anchor (RFC 5280 section 6; docs/specs/identity-v1.md lists every rule).
 * `chain` is leaf first, each issued by the next; the anchor itself may be left out.
 * Throws CertificateError that says which certificate, what is wrong and what to do; `data.reason` is for programs.
 */
export function validatePath(chain: readonly X509Certificate[], init: ValidationInit): Principal {
  return judgePath(chain, init).principal
}

/** `validatePath`, for those who remember the result. */
export function judgePath(chain: readonly X509Certificate[], init: ValidationInit): ValidatedPath {
  const { trust, nowMs, atMs = nowMs, purpose, host } = init
  const path = buildPath(parseChain(chain), trust)
  const parts = splitPath(path)
  const { endEntity, authorities, proxies } = parts
  path.forEach((certificate, i) => {
    const isProxy = i < proxies.length
    checkExtensions(certificate, isProxy)
    checkValidity(certificate, { nowMs: atMs, isProxy })
  })
  authorities.forEach((authority, i) => {
    // A CA that certifies its own next key does not count (RFC 5280 6.1.4 l).
    const below = authorities.slice(0, i).filter((one) => !isSelfIssued(one)).length
    checkAuthority(authority, { below, purpose })
  })
  const listsUntilMs = checkIssuance([endEntity, ...authorities], trust, nowMs)
  checkProxies(parts, purpose)
  checkEndEntity(endEntity, purpose)
  if (host !== undefined) checkHost(endEntity, host)
  const notAfterMs = Math.min(...path.map((certificate) => certificate.notAfterMs))
  const principal = {
    dn: endEntity.dn,
    commonName: commonNameOf(endEntity.subject),
    notAfterMs,
    fingerprint256: endEntity.x509.fingerprint256,
    proxyDepth: proxies.length,
    limited: isLimited(parts),
  }
  const fromMs = Math.max(...path.map((certificate) => certificate.notBeforeMs))
  return { principal, fromMs, listsUntilMs }
}

/** Signing policies and revocation, from the anchor downwards; the anchor itself is not looked at. Returns until when it holds. */
function checkIssuance(issued: readonly Certificate[], trust: Trust, nowMs: number): number {
  let untilMs = Number.POSITIVE_INFINITY
  for (let i = issued.length - 2; i >= 0; i--) {
    const [certificate, issuer] = [issued[i], issued[i + 1]]
    if (certificate === undefined || issuer === undefined) continue
    untilMs = Math.min(untilMs, trust.checkIssued(certificate, issuer, nowMs))
  }
  return untilMs
}

function parseChain(chain: readonly X509Certificate[]): Certificate[] {
  if (chain.length === 0 || chain.length > CHAIN_CERTIFICATES_MAX) {
    const what = `a chain has 1 to ${CHAIN_CERTIFICATES_MAX} certificates, this one has ${chain.length}`
    throw new CertificateError(what, { data: { reason: 'chain-length' } })
  }
  const seen = new Set<string>()
  return chain.map((x509, i) => {
    const certificate = parseAt(x509, i)
    if (seen.has(x509.fingerprint256)) throw refuse(certificate, 'duplicate', 'it is in its chain twice')
    seen.add(x509.fingerprint256)
    return certificate
  })
}

function parseAt(x509: X509Certificate, i: number): Certificate {
  try {
    return parseCertificate(x509)
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    throw new CertificateError(`certificate ${i + 1} of the chain: ${error.message}`, {
      cause: error,
      data: error.data,
    })
  }
}

/**
 * Who is at the other end of a TLS connection whose handshake proved possession of the key. For listeners with
 * `requestCert: true, rejectUnauthorized: false` and session resumption off (a resumed session shows only the leaf).
 * `purpose` is `client` unless given. Throws CertificateError, also when no certificate was sent.
 */
export function judgeSocket(
  socket: Pick<TLSSocket, 'getPeerX509Certificate'>,
  init: Omit<ValidationInit, 'purpose' | 'atMs'> & { readonly purpose?: Purpose },
): ValidatedPath {
  const chain = presentedBy(socket)
  const { trust, nowMs, purpose = 'client', host } = init
  const key = ['tls', purpose, host, ...chain.map(({ fingerprint256 }) => fingerprint256)].join('|')
  return remembered({ trust, nowMs, key }, () => judgePath(chain, { trust, nowMs, purpose, host }))
}

/** Chains by socket: Node.js hands out the certificates behind the leaf only once. */
const presented = new WeakMap<object, readonly X509Certificate[]>()

function presentedBy(socket: Pick<TLSSocket, 'getPeerX509Certificate'>): readonly X509Certificate[] {
  const known = presented.get(socket)
  if (known !== undefined) return known
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) {
    const what = 'no certificate was sent; connect with a certificate of the site CA and its key'
    throw new CertificateError(what, { data: { reason: 'no-certificate' } })
  }
  const chain = chainOf(leaf)
  presented.set(socket, chain)
  return chain
}

/** The certificates that came with `leaf`. Node.js links a self-signed one to itself, and may add the anchor. */
function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  let current: X509Certificate | undefined = leaf
  while (
    current !== undefined &&
    !seen.has(current.fingerprint256) &&
    chain.length <= CHAIN_CERTIFICATES_MAX
  ) {
    seen.add(current.fingerprint256)
    chain.push(current)
    current = current.issuerCertificate
  }
  return chain
}
