import { constants, type KeyObject, verify } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'
import { CRL_BYTES_MAX } from '../core/limits.ts'
import { algorithmOf, type Certificate, type Extension, KEY_USAGE, parseExtensions } from './certificate.ts'
import { checkKey } from './certificate-rules.ts'
import { countOf, type Der, DerReader, malformed, octetsOf, readOnly, serialOf, TAG, timeOf } from './der.ts'
import { parseName, slashForm } from './distinguished-name.ts'
import { CRL_EXTENSION, PSS_HASHES, RSA_PSS, SIGNATURE_ALGORITHMS } from './oids.ts'

/** Extensions of the list and of its entries that are known; of the others none may be critical. */
const KNOWN: ReadonlySet<string> = new Set([
  CRL_EXTENSION.cRLNumber,
  CRL_EXTENSION.reasonCode,
  CRL_EXTENSION.authorityKeyIdentifier,
])

/** Verdicts that are kept for issuers of one name: more than the keys that any authority has at a time. */
const ISSUERS_MAX = 16

interface Parts {
  readonly tbs: Uint8Array
  readonly algorithm: Der
  readonly signature: Uint8Array
  readonly entries: Der | undefined
  readonly extensions: Der | undefined
}

interface Init {
  readonly source: string
  readonly issuerDer: Uint8Array
  readonly issuer: string
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  readonly parts: Parts
}

/** A certificate revocation list (RFC 5280 section 5). Nothing of its content counts before the signature was verified. */
export class RevocationList {
  /** Where it is from, for messages. */
  readonly source: string
  readonly issuerDer: Uint8Array
  /** Slash form. */
  readonly issuer: string
  readonly thisUpdateMs: number
  /** When there will be a newer one at the latest. */
  readonly nextUpdateMs: number
  readonly #parts: Parts
  #revoked: ReadonlySet<string> | undefined
  /** By fingerprint of the issuer: a signature is verified once. */
  readonly #verdicts = new Map<string, ReadonlySet<string> | CertificateError>()

  private constructor(init: Init) {
    this.source = init.source
    this.issuerDer = init.issuerDer
    this.issuer = init.issuer
    this.thisUpdateMs = init.thisUpdateMs
    this.nextUpdateMs = init.nextUpdateMs
    this.#parts = init.parts
  }

  /** Reads the frame of a list. Throws CertificateError that names `source`. */
  static parse(der: Uint8Array, source: string): RevocationList {
    return explained(source, () => new RevocationList({ source, ...readFrame(der) }))
  }

  /**
   * Serial numbers (as `Certificate.serial`) that this issuer has revoked. Throws CertificateError when the list is not signed
   * by `issuer`, or says something that this code must know and does not.
   */
  revokedBy(issuer: Certificate): ReadonlySet<string> {
    const { fingerprint256 } = issuer.x509
    const known = this.#verdicts.get(fingerprint256)
    const verdict = known ?? this.#judge(issuer)
    if (this.#verdicts.size === ISSUERS_MAX) this.#verdicts.clear()
    this.#verdicts.set(fingerprint256, verdict)
    if (verdict instanceof CertificateError) throw verdict
    return verdict
  }

  /** What the next list of this authority takes over: the octets of its entries, and its number (0 where it has none). Throws as `revokedBy`. */
  contentFor(issuer: Certificate): { entries: Uint8Array; number: bigint } {
    this.revokedBy(issuer)
    const { entries, extensions } = this.#parts
    return { entries: entries?.content ?? new Uint8Array(), number: numberOf(extensions) }
  }

  #judge(issuer: Certificate): ReadonlySet<string> | CertificateError {
    try {
      return explained(this.source, () => {
        checkSignature(this.#parts, issuer)
        this.#revoked ??= readContent(this.#parts)
        return this.#revoked
      })
    } catch (error) {
      if (error instanceof CertificateError) return error
      throw error
    }
  }
}

function readFrame(der: Uint8Array): Omit<Init, 'source'> {
  if (der.length > CRL_BYTES_MAX) throw malformed(`it has more than ${CRL_BYTES_MAX} bytes`)
  const outer = new DerReader(readOnly(der, TAG.sequence).content)
  const tbs = outer.read(TAG.sequence)
  const algorithm = outer.read(TAG.sequence)
  const signature = octetsOf(outer.read(TAG.bitString))
  outer.end()
  const reader = new DerReader(tbs.content)
  const version = reader.optional(TAG.integer)
  if (version !== undefined && countOf(version) !== 1) throw malformed('its version is unknown')
  const inner = reader.read(TAG.sequence)
  if (Buffer.compare(inner.whole, algorithm.whole) !== 0) throw malformed('it names two signature algorithms')
  const issuer = reader.read(TAG.sequence)
  const thisUpdateMs = timeOf(reader.read())
  const isTime = reader.tag === TAG.utcTime || reader.tag === TAG.generalizedTime
  if (!isTime) throw malformed('it does not say when the next one comes (nextUpdate)')
  const nextUpdateMs = timeOf(reader.read())
  if (nextUpdateMs < thisUpdateMs) throw malformed('its next update is before itself')
  const entries = reader.optional(TAG.sequence)
  const extensions = reader.optional(0xa0)
  reader.end()
  if (extensions !== undefined && version === undefined)
    throw malformed('it has extensions and is not of version 2')
  const parts = { tbs: tbs.whole, algorithm, signature, entries, extensions }
  return { issuerDer: issuer.whole, issuer: slashForm(parseName(issuer)), thisUpdateMs, nextUpdateMs, parts }
}

function checkSignature({ tbs, algorithm, signature }: Parts, issuer: Certificate): void {
  const { keyUsage } = issuer
  if (keyUsage !== undefined && keyUsage[KEY_USAGE.cRLSign] !== true) {
    throw malformed(`the key usage of ${issuer.dn} does not allow it to sign lists (cRLSign)`)
  }
  if (!isSigned({ tbs, algorithm, signature }, checkKey(issuer))) {
    throw malformed(`it was not signed by the key of ${issuer.dn} that is here`)
  }
}

function isSigned(
  { tbs, algorithm, signature }: Pick<Parts, 'tbs' | 'algorithm' | 'signature'>,
  key: KeyObject,
): boolean {
  const { signatureAlgorithm: oid, signatureHash } = algorithmOf(algorithm)
  const kind = key.asymmetricKeyType
  if (oid === RSA_PSS) {
    const hash = PSS_HASHES.get(signatureHash ?? '')
    if (hash === undefined) throw malformed('it is signed with RSA-PSS without SHA-2')
    if (kind !== 'rsa' && kind !== 'rsa-pss') return false
    const saltLength = constants.RSA_PSS_SALTLEN_AUTO
    return verify(hash, tbs, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
  }
  const known = SIGNATURE_ALGORITHMS.get(oid)
  if (known === undefined) throw malformed(`it is signed with the algorithm ${oid}, which is not accepted`)
  return known.key === kind && verify(known.hash, tbs, key, signature)
}

function readContent({ entries, extensions }: Parts): ReadonlySet<string> {
  if (extensions !== undefined)
    checkListExtensions(parseExtensions(readOnly(extensions.content, TAG.sequence)))
  const revoked = new Set<string>()
  const list = new DerReader(entries?.content ?? new Uint8Array())
  while (list.tag !== undefined) {
    const entry = list.enter(TAG.sequence)
    revoked.add(serialOf(entry.read(TAG.integer)))
    timeOf(entry.read())
    const more = entry.optional(TAG.sequence)
    entry.end()
    if (more !== undefined) checkCritical(parseExtensions(more), 'an entry')
  }
  return revoked
}

function numberOf(extensions: Der | undefined): bigint {
  if (extensions === undefined) return 0n
  const own = parseExtensions(readOnly(extensions.content, TAG.sequence)).get(CRL_EXTENSION.cRLNumber)
  return own === undefined ? 0n : BigInt(`0x${serialOf(readOnly(own.value, TAG.integer))}`)
}

function checkListExtensions(extensions: ReadonlyMap<string, Extension>): void {
  if (extensions.has(CRL_EXTENSION.deltaCRLIndicator)) {
    throw malformed('it is a delta list, and only complete lists are read; fetch the complete one')
  }
  if (extensions.has(CRL_EXTENSION.issuingDistributionPoint)) {
    throw malformed('it is a partial list (issuingDistributionPoint); fetch the complete one')
  }
  checkCritical(extensions, 'the list')
}

function checkCritical(extensions: ReadonlyMap<string, Extension>, what: string): void {
  for (const [oid, { critical }] of extensions) {
    if (!critical || KNOWN.has(oid)) continue
    if (oid === CRL_EXTENSION.certificateIssuer) throw malformed('it speaks for other authorities (indirect)')
    throw malformed(`${what} has the critical extension ${oid}, which is not known here`)
  }
}

/** Runs `read`, and gives what it throws the name of the file and of what it is. */
function explained<T>(source: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause
    const detail = cause.data['detail'] ?? cause.message
    throw new CertificateError(`revocation list ${source}: ${detail}`, {
      cause,
      data: { reason: 'crl-invalid' },
    })
  }
}
