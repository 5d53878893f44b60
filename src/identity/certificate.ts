import type { X509Certificate } from 'node:crypto'
import { CERTIFICATE_BYTES_MAX, CERTIFICATE_EXTENSIONS_MAX } from '../core/limits.ts'
import {
  bitsOf,
  booleanOf,
  countOf,
  type Der,
  DerReader,
  malformed,
  oidOf,
  readOnly,
  serialOf,
  TAG,
  timeOf,
} from './der.ts'
import { type Name, parseName, slashForm } from './distinguished-name.ts'
import { EXTENSION } from './oids.ts'
import { type ProxyInfo, parseDraftProxyInfo, parseProxyInfo } from './proxy-info.ts'

/** What path validation needs of one certificate, read from its DER by `parseCertificate`. */
export interface Certificate {
  readonly x509: X509Certificate
  /** Subject in slash form. */
  readonly dn: string
  /** Serial number: the octets of its DER in lower-case hex. */
  readonly serial: string
  readonly subject: Name
  /** DER of the names, compared octet by octet. */
  readonly subjectDer: Uint8Array
  readonly issuerDer: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Object identifier of the signature algorithm, and of its hash where RSA-PSS names one. */
  readonly signatureAlgorithm: string
  readonly signatureHash: string | undefined
  /** basicConstraints; undefined where the certificate has none. */
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined
  /** Bits of keyUsage by number (RFC 5280 4.2.1.3); undefined where the certificate has none. */
  readonly keyUsage: readonly boolean[] | undefined
  /** Object identifiers of extKeyUsage; undefined where the certificate has none. */
  readonly extKeyUsage: readonly string[] | undefined
  /** ProxyCertInfo of RFC 3820, and that of its draft; undefined where the certificate has none. */
  readonly proxyInfo: ProxyInfo | undefined
  readonly draftProxyInfo: ProxyInfo | undefined
  /** Every extension by object identifier. */
  readonly extensions: ReadonlyMap<string, Extension>
}

export interface Extension {
  readonly critical: boolean
  /** DER of the extension's own value. */
  readonly value: Uint8Array
}

/** Bits of keyUsage. */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const

const NO_EXTENSIONS: ReadonlyMap<string, Extension> = new Map()

const parsed = new WeakMap<X509Certificate, Certificate>()

/** Reads the certificate strictly, whatever OpenSSL let pass. Throws CertificateError. */
export function parseCertificate(x509: X509Certificate): Certificate {
  const known = parsed.get(x509)
  if (known !== undefined) return known
  const der = x509.raw
  if (der.length > CERTIFICATE_BYTES_MAX) throw malformed(`it has more than ${CERTIFICATE_BYTES_MAX} bytes`)
  const outer = new DerReader(readOnly(der, TAG.sequence).content)
  const body = outer.read(TAG.sequence)
  const algorithm = outer.read(TAG.sequence)
  outer.read(TAG.bitString)
  outer.end()
  const certificate = { x509, ...algorithmOf(algorithm), ...parseBody(body, algorithm) }
  parsed.set(x509, certificate)
  return certificate
}

function parseBody(body: Der, algorithm: Der) {
  const reader = new DerReader(body.content)
  const explicitVersion = reader.optional(0xa0)
  const version = explicitVersion ? countOf(readOnly(explicitVersion.content, TAG.integer)) : 0
  if (version > 2) throw malformed('its version is unknown')
  const serial = serialOf(reader.read(TAG.integer))
  const inner = reader.read(TAG.sequence)
  if (Buffer.compare(inner.whole, algorithm.whole) !== 0) throw malformed('it names two signature algorithms')
  const issuer = reader.read(TAG.sequence)
  const validity = reader.enter(TAG.sequence)
  const notBeforeMs = timeOf(validity.read())
  const notAfterMs = timeOf(validity.read())
  validity.end()
  const subject = reader.read(TAG.sequence)
  reader.read(TAG.sequence)
  reader.optional(0x81)
  reader.optional(0x82)
  const tail = reader.optional(0xa3)
  reader.end()
  if (tail !== undefined && version !== 2) throw malformed('it has extensions and is not of version 3')
  const extensions =
    tail === undefined ? NO_EXTENSIONS : parseExtensions(readOnly(tail.content, TAG.sequence))
  const name = parseName(subject)
  parseName(issuer)
  return {
    serial,
    subject: name,
    dn: slashForm(name),
    subjectDer: subject.whole,
    issuerDer: issuer.whole,
    notBeforeMs,
    notAfterMs,
    extensions,
    basicConstraints: extensionOf(extensions, EXTENSION.basicConstraints, parseBasicConstraints),
    keyUsage: extensionOf(extensions, EXTENSION.keyUsage, (value) => bitsOf(readOnly(value, TAG.bitString))),
    extKeyUsage: extensionOf(extensions, EXTENSION.extKeyUsage, parseExtKeyUsage),
    proxyInfo: extensionOf(extensions, EXTENSION.proxyCertInfo, parseProxyInfo),
    draftProxyInfo: extensionOf(extensions, EXTENSION.proxyCertInfoDraft, parseDraftProxyInfo),
  }
}

/** Reads an AlgorithmIdentifier of a signature. */
export function algorithmOf(algorithm: Der): Pick<Certificate, 'signatureAlgorithm' | 'signatureHash'> {
  const reader = new DerReader(algorithm.content)
  const signatureAlgorithm = oidOf(reader.read(TAG.oid))
  const parameters = reader.optional(TAG.sequence)
  if (parameters === undefined) return { signatureAlgorithm, signatureHash: undefined }
  const hash = new DerReader(parameters.content).optional(0xa0)
  if (hash === undefined) return { signatureAlgorithm, signatureHash: undefined }
  const identifier = new DerReader(readOnly(hash.content, TAG.sequence).content)
  return { signatureAlgorithm, signatureHash: oidOf(identifier.read(TAG.oid)) }
}

/** Reads a list of extensions, each of which may be there once. */
export function parseExtensions(all: Der): Map<string, Extension> {
  const extensions = new Map<string, Extension>()
  const list = new DerReader(all.content)
  while (list.tag !== undefined) {
    const reader = list.enter(TAG.sequence)
    const oid = oidOf(reader.read(TAG.oid))
    const flag = reader.optional(TAG.boolean)
    const value = reader.read(TAG.octetString).content
    reader.end()
    if (extensions.has(oid)) throw malformed(`it has the extension ${oid} twice`)
    if (extensions.size === CERTIFICATE_EXTENSIONS_MAX) throw malformed('it has too many extensions')
    extensions.set(oid, { critical: flag !== undefined && booleanOf(flag), value })
  }
  return extensions
}

function extensionOf<T>(
  extensions: ReadonlyMap<string, Extension>,
  oid: string,
  parse: (value: Uint8Array) => T,
): T | undefined {
  const extension = extensions.get(oid)
  return extension === undefined ? undefined : parse(extension.value)
}

function parseBasicConstraints(value: Uint8Array) {
  const reader = new DerReader(readOnly(value, TAG.sequence).content)
  const flag = reader.optional(TAG.boolean)
  const length = reader.optional(TAG.integer)
  reader.end()
  const ca = flag !== undefined && booleanOf(flag)
  if (length !== undefined && !ca) throw malformed('it is no CA and has a path length')
  return { ca, pathLength: length === undefined ? undefined : countOf(length) }
}

function parseExtKeyUsage(value: Uint8Array): string[] {
  const reader = new DerReader(readOnly(value, TAG.sequence).content)
  const purposes: string[] = []
  while (reader.tag !== undefined) purposes.push(oidOf(reader.read(TAG.oid)))
  if (purposes.length === 0) throw malformed('its extended key usage is empty')
  return purposes
}
