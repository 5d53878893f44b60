import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { CertificateError, InvalidError } from '../core/errors.ts'
import type { CertificateAndKey } from './ca.ts'
import { checkDays } from './ca-names.ts'
import { type Certificate, KEY_USAGE, parseCertificate } from './certificate.ts'
import { readOnly, serialOf, TAG } from './der.ts'
import { encode, encodeExtension, encodeInteger, encodeOid, encodeTime } from './der-writer.ts'
import { CRL_EXTENSION, EXTENSION } from './oids.ts'
import { certificatesOfPem } from './pem.ts'
import { RevocationList } from './revocation-list.ts'

/** Reasons of RFC 5280 5.3.1 that a site may give. */
export const REVOCATION_REASONS = {
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const

export type RevocationReason = keyof typeof REVOCATION_REASONS

export interface CrlInit {
  readonly ca: CertificateAndKey
  /** DER of the list before, whose entries are taken over; none for the first. */
  readonly before?: Uint8Array | undefined
  /** Serial numbers to add, as `Certificate.serial`; those that are on the list already stay as they are. */
  readonly revoked: readonly string[]
  readonly reason?: RevocationReason | undefined
  readonly nowMs: number
  /** Days until the next one; thirty unless given. */
  readonly days?: number | undefined
}

export interface IssuedCrl {
  readonly pem: string
  readonly der: Uint8Array
  /** Grows by one with every list. */
  readonly number: bigint
  /** Serial numbers on it. */
  readonly revoked: ReadonlySet<string>
  readonly nextUpdateMs: number
}

const DAY_MS = 24 * 3600 * 1000
/** So that a list counts at once on machines whose clocks are behind. */
const BACKDATE_MS = 5 * 60 * 1000
const CRL_DAYS = 30
const ENUMERATED = 0x0a

/** Signature algorithms by kind of key: object identifier, hash, whether NULL parameters stand behind it. */
const ALGORITHMS: Readonly<Record<string, { oid: string; hash: string | null; isRsa?: true }>> = {
  rsa: { oid: '1.2.840.113549.1.1.11', hash: 'sha256', isRsa: true },
  ec: { oid: '1.2.840.10045.4.3.2', hash: 'sha256' },
  ed25519: { oid: '1.3.101.112', hash: null },
}

/**
 * Issues the next complete revocation list of a CA (RFC 5280 section 5). Throws CertificateError when `ca` cannot sign lists or has not
 * signed `before`, InvalidError on a number of days out of range.
 */
export function issueCrl(init: CrlInit): IssuedCrl {
  const { ca, revoked, nowMs, reason } = init
  const { certificate, key } = openSigner(ca)
  const before = readBefore(init.before, certificate)
  const nextUpdateMs = nowMs + checkDays(init.days ?? CRL_DAYS) * DAY_MS
  const added = [...new Set(revoked)].filter((serial) => !before.revoked.has(serial))
  const entries = Buffer.concat([
    before.entries,
    ...added.map((serial) => entryOf(serial, { nowMs, reason })),
  ])
  const number = before.number + 1n
  const algorithm = algorithmFor(key)
  const tbs = encode(
    TAG.sequence,
    encodeInteger(1n),
    algorithm.der,
    certificate.subjectDer,
    encodeTime(nowMs - BACKDATE_MS),
    encodeTime(nextUpdateMs),
    ...(entries.length === 0 ? [] : [encode(TAG.sequence, entries)]),
    encode(0xa0, encode(TAG.sequence, ...extensionsOf(certificate, number))),
  )
  const signature = encode(TAG.bitString, Buffer.of(0), sign(algorithm.hash, tbs, key))
  const der = encode(TAG.sequence, tbs, algorithm.der, signature)
  // What is issued must pass our own rules.
  const all = RevocationList.parse(der, 'just made').revokedBy(certificate)
  return { pem: pemOf(der), der, number, revoked: all, nextUpdateMs }
}

/** Serial number of a certificate of this CA. Throws CertificateError when another has issued it. */
export function serialToRevoke(pem: string, ca: CertificateAndKey): string {
  const [x509] = certificatesOfPem(pem, 16)
  if (x509 === undefined) throw new CertificateError('there is no certificate in it')
  const { certificate: issuer } = openSigner(ca)
  const certificate = parseCertificate(x509)
  if (Buffer.compare(certificate.issuerDer, issuer.subjectDer) === 0 && x509.verify(issuer.x509.publicKey)) {
    return certificate.serial
  }
  throw new CertificateError(`certificate ${certificate.dn} was not issued by ${issuer.dn}`)
}

/** A serial number as people write it (hexadecimal, with or without colons) as `Certificate.serial` has it. Throws InvalidError. */
export function parseSerial(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{1,40}$/.test(hex)) {
    throw new InvalidError(
      `neither a file nor a serial number in hexadecimal: ${JSON.stringify(text.slice(0, 100))}`,
    )
  }
  return serialOf(readOnly(encodeInteger(BigInt(`0x${hex}`)), TAG.integer))
}

function openSigner(ca: CertificateAndKey): { certificate: Certificate; key: KeyObject } {
  const [x509] = certificatesOfPem(ca.certificatePem, 4)
  if (x509 === undefined) throw new CertificateError('the CA file holds no certificate')
  const certificate = parseCertificate(x509)
  const { dn, basicConstraints, keyUsage } = certificate
  if (basicConstraints?.ca !== true) throw new CertificateError(`certificate ${dn} is no CA`)
  if (keyUsage !== undefined && keyUsage[KEY_USAGE.cRLSign] !== true) {
    throw new CertificateError(
      `the key usage of the CA ${dn} does not allow it to sign revocation lists (cRLSign)`,
    )
  }
  const key = createPrivateKey(ca.keyPem)
  if (!x509.checkPrivateKey(key)) throw new CertificateError(`the key does not belong to the CA ${dn}`)
  return { certificate, key }
}

function readBefore(der: Uint8Array | undefined, issuer: Certificate) {
  if (der === undefined) return { entries: Buffer.alloc(0), number: 0n, revoked: new Set<string>() }
  const list = RevocationList.parse(der, 'before')
  return { ...list.contentFor(issuer), revoked: list.revokedBy(issuer) }
}

function entryOf(serial: string, { nowMs, reason }: Pick<CrlInit, 'nowMs' | 'reason'>): Buffer {
  const parts = [encode(TAG.integer, Buffer.from(serial, 'hex')), encodeTime(nowMs)]
  if (reason === undefined) return encode(TAG.sequence, ...parts)
  const code = encode(ENUMERATED, Buffer.of(REVOCATION_REASONS[reason]))
  return encode(TAG.sequence, ...parts, encode(TAG.sequence, encodeExtension(CRL_EXTENSION.reasonCode, code)))
}

function algorithmFor(key: KeyObject): { der: Buffer; hash: string | null } {
  const algorithm = ALGORITHMS[key.asymmetricKeyType ?? '']
  if (algorithm === undefined)
    throw new CertificateError('no list can be signed with this kind of key; use RSA, EC or Ed25519')
  const parameters = algorithm.isRsa ? [encode(TAG.null)] : []
  return { der: encode(TAG.sequence, encodeOid(algorithm.oid), ...parameters), hash: algorithm.hash }
}

function extensionsOf(ca: Certificate, number: bigint): Buffer[] {
  const own = ca.extensions.get(EXTENSION.subjectKeyIdentifier)
  const numbered = encodeExtension(CRL_EXTENSION.cRLNumber, encodeInteger(number))
  if (own === undefined) return [numbered]
  const identifier = encode(TAG.sequence, encode(0x80, readOnly(own.value, TAG.octetString).content))
  return [encodeExtension(CRL_EXTENSION.authorityKeyIdentifier, identifier), numbered]
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n')
}
