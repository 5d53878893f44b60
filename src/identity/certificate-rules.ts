import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { CLOCK_SKEW_S, RSA_KEY_BITS_MAX, RSA_KEY_BITS_MIN } from '../core/limits.ts'
import { type Certificate, KEY_USAGE } from './certificate.ts'
import { EKU, EXTENSION, PSS_HASHES, RSA_PSS, SIGNATURE_ALGORITHMS, WEAK_ALGORITHMS } from './oids.ts'
import { isoTime, refuse } from './refusal.ts'

/**
 * What a certificate is wanted for: `client` and `server` of TLS, `sign` = sign records and grants in the name of a
 * host, `any` = be somebody (no extended key usage is asked for).
 */
export type Purpose = 'client' | 'server' | 'sign' | 'any'

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** Extensions that are processed, or whose meaning changes nothing here (certificatePolicies without a policy asked for). */
const KNOWN_CRITICAL: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.certificatePolicies,
  EXTENSION.extKeyUsage,
])

const PROXY_INFO: ReadonlySet<string> = new Set([EXTENSION.proxyCertInfo, EXTENSION.proxyCertInfoDraft])

export function checkSignatureAlgorithm(certificate: Certificate): void {
  const { signatureAlgorithm: oid, signatureHash } = certificate
  if (oid === RSA_PSS ? PSS_HASHES.has(signatureHash ?? '') : SIGNATURE_ALGORITHMS.has(oid)) return
  const name = WEAK_ALGORITHMS[oid] ?? (oid === RSA_PSS ? 'RSA-PSS without SHA-2' : oid)
  throw refuse(certificate, 'weak-signature', `it is signed with ${name}; issue it again with SHA-256`)
}

/** Public key of a certificate. Throws CertificateError when it is weak, oversized or of an unknown kind. */
export function checkKey(certificate: Certificate): KeyObject {
  const key = publicKeyOf(certificate)
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  const kind = key.asymmetricKeyType
  if (kind === 'rsa' || kind === 'rsa-pss') {
    if (modulusLength >= RSA_KEY_BITS_MIN && modulusLength <= RSA_KEY_BITS_MAX) return key
    const bounds = `${RSA_KEY_BITS_MIN} to ${RSA_KEY_BITS_MAX}`
    throw refuse(certificate, 'weak-key', `its RSA key has ${modulusLength} bits; make one with ${bounds}`)
  }
  if (kind === 'ed25519' || (kind === 'ec' && CURVES.has(namedCurve))) return key
  throw refuse(
    certificate,
    'weak-key',
    'its key is none of RSA, P-256, P-384, P-521 and Ed25519; make one that is',
  )
}

function publicKeyOf(certificate: Certificate): KeyObject {
  try {
    return certificate.x509.publicKey
  } catch {
    throw refuse(certificate, 'weak-key', 'its public key cannot be read')
  }
}

/** `isProxy`: for the advice alone. */
export function checkValidity(
  certificate: Certificate,
  { nowMs, isProxy }: { nowMs: number; isProxy: boolean },
): void {
  const { notBeforeMs, notAfterMs } = certificate
  const skewMs = CLOCK_SKEW_S * 1000
  if (nowMs + skewMs < notBeforeMs) {
    const what = `it is not valid before ${isoTime(notBeforeMs)}, and this clock says ${isoTime(nowMs)}; check the clock`
    throw refuse(certificate, 'not-yet-valid', what)
  }
  if (nowMs - skewMs > notAfterMs) {
    throw refuse(
      certificate,
      'expired',
      `it expired at ${isoTime(notAfterMs)}; ${isProxy ? 'make a new proxy' : 'issue a new one'}`,
    )
  }
}

/** No critical extension that is not processed. `isProxy`: its ProxyCertInfo is judged elsewhere. */
export function checkExtensions(certificate: Certificate, isProxy: boolean): void {
  const { extensions } = certificate
  const saysProxy = [...PROXY_INFO].some((oid) => extensions.has(oid))
  if (saysProxy && !isProxy) {
    const what = 'it is a proxy and has issued a certificate that is none; a proxy can issue proxies only'
    throw refuse(certificate, 'proxy', what)
  }
  if (extensions.has(EXTENSION.nameConstraints)) {
    throw refuse(certificate, 'name-constraints', 'it has name constraints, which are not supported')
  }
  for (const [oid, { critical }] of extensions) {
    if (!critical || KNOWN_CRITICAL.has(oid) || PROXY_INFO.has(oid)) continue
    throw refuse(certificate, 'critical-extension', `its critical extension ${oid} is not known here`)
  }
}

/** Rules of a certificate that issued the one below it, anchors included. `below`: CA certificates between it and the leaf. */
export function checkAuthority(certificate: Certificate, use: { below: number; purpose: Purpose }): void {
  const { basicConstraints, keyUsage, extKeyUsage } = certificate
  if (basicConstraints?.ca !== true) {
    const what = 'it is no CA (no basicConstraints CA:TRUE) and has issued a certificate'
    throw refuse(certificate, 'not-a-ca', `${what}; a proxy would have its name and one CN more`)
  }
  const { pathLength } = basicConstraints
  if (pathLength !== undefined && use.below > pathLength) {
    const what = `it allows ${pathLength} CA certificates below it, and there are ${use.below}`
    throw refuse(certificate, 'path-length', what)
  }
  if (keyUsage !== undefined && keyUsage[KEY_USAGE.keyCertSign] !== true) {
    throw refuse(
      certificate,
      'key-usage',
      'its key usage does not allow it to issue certificates (keyCertSign)',
    )
  }
  const wanted = EXTENDED_KEY_USAGE[use.purpose]
  if (wanted === undefined || extKeyUsage === undefined || extKeyUsage.includes(EKU.any)) return
  if (extKeyUsage.includes(wanted.oid)) return
  const what = `its extended key usage does not let it issue certificates for ${wanted.name}`
  throw refuse(certificate, 'extended-key-usage', what)
}

const EXTENDED_KEY_USAGE = {
  client: { oid: EKU.clientAuth, name: 'clientAuth', explicit: false },
  server: { oid: EKU.serverAuth, name: 'serverAuth', explicit: false },
  sign: { oid: EKU.serverAuth, name: 'serverAuth', explicit: true },
  any: undefined,
} as const

/** Rules of the principal's own certificate. */
export function checkEndEntity(certificate: Certificate, purpose: Purpose): void {
  const { basicConstraints, keyUsage } = certificate
  checkKey(certificate)
  if (certificate.dn === '')
    throw refuse(certificate, 'no-name', 'its subject is empty; issue it with a name')
  if (basicConstraints?.ca === true) {
    throw refuse(
      certificate,
      'ca-as-identity',
      'it is a CA certificate; use a certificate that the CA issued',
    )
  }
  if (keyUsage !== undefined && keyUsage[KEY_USAGE.digitalSignature] !== true) {
    throw refuse(certificate, 'key-usage', 'its key usage lacks digitalSignature; issue it again with it')
  }
  checkPurpose(certificate, purpose)
}

export function checkPurpose(certificate: Certificate, purpose: Purpose): void {
  const wanted = EXTENDED_KEY_USAGE[purpose]
  if (wanted === undefined) return
  const { extKeyUsage } = certificate
  const has = extKeyUsage?.includes(wanted.oid) === true
  const lenient = !wanted.explicit && (extKeyUsage === undefined || extKeyUsage.includes(EKU.any))
  if (has || lenient) return
  const what = `its extended key usage lacks ${wanted.name}; issue it again for this purpose`
  throw refuse(certificate, 'extended-key-usage', what)
}

/** The name or address must be in the subjectAltName as it is: no wildcards, and never the CN. */
export function checkHost(certificate: Certificate, host: string): void {
  const { x509 } = certificate
  const options = { subject: 'never', wildcards: false, partialWildcards: false } as const
  const found = isIP(host) !== 0 ? x509.checkIP(host) : x509.checkHost(host, options)
  if (found !== undefined) return
  const names = x509.subjectAltName?.slice(0, 200) ?? 'no name at all'
  throw refuse(certificate, 'wrong-host', `it is not for ${host} but for ${names}`)
}
