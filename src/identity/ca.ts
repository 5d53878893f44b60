import { createPrivateKey, generateKeyPair, randomBytes, type X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'
import { CertificateError } from '../core/errors.ts'
import { isSelfIssued } from './authorities.ts'
import { certificateNames, checkDays, checkName } from './ca-names.ts'
import { parseCertificate } from './certificate.ts'
import { signDraft } from './forge-signer.ts'
import { validatePath } from './path-validation.ts'
import { certificatesOfPem, pemOf } from './pem.ts'
import { Trust } from './trust.ts'

/** A certificate (and the chain that goes with it, without the root) and its key, both PEM. The key is secret. */
export interface CertificateAndKey {
  readonly certificatePem: string
  readonly keyPem: string
}

/** What a certificate is for. */
export type CertificateKind = 'tracker' | 'node' | 'user'

export interface CaInit {
  /** 1 to 64 characters. */
  readonly commonName: string
  readonly organization?: string | undefined
  /** Days that it is valid; ten years unless given. */
  readonly days?: number | undefined
}

export interface CertificateInit {
  readonly kind: CertificateKind
  /** 1 to 64 characters: name of the host, or of the user. */
  readonly commonName: string
  /** That of the CA unless given. */
  readonly organization?: string | undefined
  /** For subjectAltName. A tracker without any name gets its common name. */
  readonly dnsNames?: readonly string[] | undefined
  readonly ipAddresses?: readonly string[] | undefined
  /** Days that it is valid, at most as long as the CA; a year unless given. */
  readonly days?: number | undefined
}

const generate = promisify(generateKeyPair)

const DAY_MS = 24 * 3600 * 1000
/** So that a certificate is valid at once on machines whose clocks are behind. */
const BACKDATE_MS = 5 * 60 * 1000
const CA_DAYS = 3650
const CERTIFICATE_DAYS = 365
const CA_KEY_BITS = 3072
const KEY_BITS = 2048
const UNITS = { tracker: 'trackers', node: 'nodes', user: 'users' } as const

/**
 * Makes the certificate authority of a site: RSA of 3072 bits, self-signed. Its path length is 1: a site may put one
 * issuing CA per cluster below it and keep this key offline, and nobody below that can make further authorities.
 * Throws InvalidError on a name or a number of days out of range.
 */
export async function createCa(init: CaInit): Promise<CertificateAndKey> {
  checkName('the name of the CA', init.commonName)
  if (init.organization !== undefined) checkName('the organization', init.organization)
  const { publicKey, keyPem } = await keyPair(CA_KEY_BITS)
  const certificate = draft(publicKey, Date.now() + checkDays(init.days ?? CA_DAYS) * DAY_MS)
  const subject = attributes([
    ['O', init.organization],
    ['CN', init.commonName],
  ])
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 1 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: keyIdentifierOf(certificate) },
  ])
  signDraft(certificate, createPrivateKey(keyPem))
  return { certificatePem: pemOf(certificatesOfPem(forge.pki.certificateToPem(certificate), 1)), keyPem }
}

/**
 * Issues a certificate with a new RSA key of 2048 bits. `ca.certificatePem` is the CA's certificate, followed by
 * its chain where the CA is not a root. Throws InvalidError on a name or a number of days out of range,
 * CertificateError when `ca` cannot issue: key and certificate differ, no CA, expired, not RSA.
 */
export async function issueCertificate(
  ca: CertificateAndKey,
  init: CertificateInit,
): Promise<CertificateAndKey> {
  checkName('the name', init.commonName)
  if (init.organization !== undefined) checkName('the organization', init.organization)
  const names = certificateNames(init)
  const issuer = openCa(ca)
  const { publicKey, keyPem } = await keyPair(KEY_BITS)
  const endMs = Math.min(Date.now() + checkDays(init.days ?? CERTIFICATE_DAYS) * DAY_MS, issuer.notAfterMs)
  const certificate = draft(publicKey, endMs)
  const organization = init.organization ?? issuer.organization
  certificate.setSubject(
    attributes([
      ['O', organization],
      ['OU', UNITS[init.kind]],
      ['CN', init.commonName],
    ]),
  )
  certificate.setIssuer(issuer.subject)
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true },
    { name: 'extKeyUsage', clientAuth: true, serverAuth: init.kind === 'tracker' },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.keyIdentifier },
    ...(names.length === 0 ? [] : [{ name: 'subjectAltName', altNames: names }]),
  ])
  signDraft(certificate, issuer.key)
  const [leaf] = certificatesOfPem(forge.pki.certificateToPem(certificate), 1)
  const chain = [...(leaf === undefined ? [] : [leaf]), ...issuer.chain]
  checkIssued(chain, issuer.own)
  return { certificatePem: pemOf(chain), keyPem }
}

/** What is issued must pass our own rules: catches a CA whose names or extensions this code does not reproduce. */
function checkIssued(chain: readonly X509Certificate[], issuer: readonly X509Certificate[]): void {
  const root = issuer.at(-1)
  if (root === undefined || !isSelfIssued(parseCertificate(root))) return
  validatePath(chain, { trust: Trust.fromPem(pemOf([root])), nowMs: Date.now(), purpose: 'client' })
}

function openCa(ca: CertificateAndKey) {
  const own = certificatesOfPem(ca.certificatePem, 4)
  const [first] = own
  if (first === undefined) throw new CertificateError('the CA file holds no certificate')
  const { dn, basicConstraints, notAfterMs } = parseCertificate(first)
  if (basicConstraints?.ca !== true) throw new CertificateError(`certificate ${dn} is no CA`)
  if (notAfterMs < Date.now()) throw new CertificateError(`the CA ${dn} has expired; make a new one`)
  const key = createPrivateKey(ca.keyPem)
  if (!first.checkPrivateKey(key)) throw new CertificateError(`the key does not belong to the CA ${dn}`)
  if (key.asymmetricKeyType !== 'rsa') {
    throw new CertificateError(`the CA ${dn} has no RSA key; issue with the tools of that CA instead`)
  }
  const certificate = forge.pki.certificateFromPem(first.toString())
  const subject = certificate.subject.attributes.map(decoded)
  const organization = subject.find(({ shortName }) => shortName === 'O')?.value
  return {
    own,
    chain: own.filter((one) => !isSelfIssued(parseCertificate(one))),
    subject,
    notAfterMs,
    key,
    keyIdentifier: keyIdentifierOf(certificate),
    organization: typeof organization === 'string' ? organization : undefined,
  }
}

async function keyPair(modulusLength: number): Promise<{ publicKey: string; keyPem: string }> {
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return { publicKey, keyPem: privateKey }
}

function draft(publicKey: string, notAfterMs: number): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = serialNumber()
  certificate.validity.notBefore = new Date(Date.now() - BACKDATE_MS)
  certificate.validity.notAfter = new Date(notAfterMs)
  return certificate
}

/** 128 random bits, positive and in its shortest form: the first octet is 0x40 to 0x7f. */
function serialNumber(): string {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial.toString('hex')
}

function attributes(pairs: readonly (readonly [string, string | undefined])[]): forge.pki.CertificateField[] {
  return pairs.flatMap(([shortName, value]) =>
    value === undefined ? [] : [{ shortName, value, valueTagClass: UTF8_STRING }],
  )
}

/** The typings of node-forge call the type of a string a class. */
const UTF8_STRING = forge.asn1.Type.UTF8 as unknown as forge.asn1.Class

/** node-forge decodes no UTF-8 when it reads a name and encodes it when it writes one. */
function decoded(field: forge.pki.CertificateField): forge.pki.CertificateField {
  if (field.valueTagClass !== UTF8_STRING || typeof field.value !== 'string') return field
  return { ...field, value: forge.util.decodeUtf8(field.value) }
}

/** The issuer's own key identifier, or the SHA-1 of its key where it has none (RFC 5280 4.2.1.2). */
function keyIdentifierOf(certificate: forge.pki.Certificate): string {
  const extension = certificate.getExtension('subjectKeyIdentifier') as {
    subjectKeyIdentifier?: string
  } | null
  const hex = extension?.subjectKeyIdentifier
  if (typeof hex === 'string') return forge.util.hexToBytes(hex)
  return certificate.generateSubjectKeyIdentifier().getBytes()
}
