import { CertificateError } from '../core/errors.ts'
import { type Certificate, KEY_USAGE } from './certificate.ts'
import { checkKey, checkPurpose, type Purpose } from './certificate-rules.ts'
import { malformed, readOnly, TAG } from './der.ts'
import { EXTENSION, PROXY_LANGUAGE } from './oids.ts'
import type { ProxyInfo } from './proxy-info.ts'
import { refuse } from './refusal.ts'

/** A path in its three parts; each certificate is signed by the next. */
export interface PathParts {
  /** Leaf first; none where the end entity itself is the leaf. */
  readonly proxies: readonly Proxy[]
  /** The principal's own certificate. */
  readonly endEntity: Certificate
  /** The anchor is the last. */
  readonly authorities: readonly Certificate[]
}

export interface Proxy {
  readonly certificate: Certificate
  readonly signer: Certificate
  readonly info: ProxyInfo
}

/** Splits a path at the first certificate that is no proxy. Throws CertificateError on a malformed proxy. */
export function splitPath(path: readonly Certificate[]): PathParts {
  const proxies: Proxy[] = []
  let [certificate, ...others] = path
  if (certificate === undefined) throw new CertificateError('there is no certificate')
  for (const signer of others) {
    const info = proxyInfoOf(certificate, signer)
    if (info === undefined) break
    proxies.push({ certificate, signer, info })
    certificate = signer
  }
  return { proxies, endEntity: certificate, authorities: path.slice(proxies.length + 1) }
}

const LEGACY_LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['proxy', PROXY_LANGUAGE.inheritAll],
  ['limited proxy', PROXY_LANGUAGE.limited],
])

/**
 * What `certificate` says as a proxy, undefined where it is none. A legacy proxy has nothing but its last CN to say so, and
 * what an authority has signed is not one, whatever its name. Throws CertificateError on two ProxyCertInfo.
 */
function proxyInfoOf(certificate: Certificate, signer: Certificate): ProxyInfo | undefined {
  const { proxyInfo, draftProxyInfo, subject } = certificate
  if (proxyInfo !== undefined && draftProxyInfo !== undefined) throw malformed('it is two kinds of proxy')
  const written = proxyInfo ?? draftProxyInfo
  if (written !== undefined || signer.basicConstraints?.ca === true) return written
  const last = subject.at(-1)?.at(-1)
  const language = last?.type === 'CN' && !last.opaque ? LEGACY_LANGUAGES.get(last.value) : undefined
  if (language === undefined) return undefined
  return { generation: 'legacy', language, hasPolicy: false, pathLength: undefined }
}

/**
 * Rules of RFC 3820 section 4 for all proxies of a path, also for the older kinds. Names and signatures are those of the
 * path already. Throws CertificateError.
 */
export function checkProxies({ proxies }: PathParts, purpose: Purpose): void {
  const highest = proxies.at(-1)
  // From the end entity downwards, so that the first wrong signature of a person is the one that is named.
  for (const [below, proxy] of [...proxies.entries()].reverse()) {
    if (proxy.info.generation !== highest?.info.generation) {
      throw refuse(
        proxy.certificate,
        'proxy',
        'proxies of different kinds follow each other; make all of one kind',
      )
    }
    checkProxy(proxy, { below, purpose })
  }
}

/** `below`: proxies between it and the leaf, the leaf included. */
function checkProxy({ certificate, signer, info }: Proxy, use: { below: number; purpose: Purpose }): void {
  if (use.purpose !== 'client' && use.purpose !== 'any') {
    throw refuse(certificate, 'proxy', `a proxy is not good enough here; use the certificate of ${signer.dn}`)
  }
  if (signer.basicConstraints?.ca === true) {
    throw refuse(certificate, 'proxy', `it is a proxy, and its signer ${signer.dn} is a CA`)
  }
  if (certificate.basicConstraints?.ca === true) throw refuse(certificate, 'proxy', 'it is a proxy and a CA')
  checkName(certificate)
  checkProxyExtensions(certificate)
  checkPolicy(certificate, info)
  if (info.pathLength !== undefined && use.below > info.pathLength) {
    const what = `it allows ${info.pathLength} proxies below it, and there are ${use.below}`
    throw refuse(certificate, 'path-length', what)
  }
  for (const one of [signer, certificate]) checkSigner(one)
  checkPurpose(certificate, use.purpose)
  checkKey(certificate)
}

/** The subject is that of the signer, octet by octet, and one CN more. */
function checkName(certificate: Certificate): void {
  const { subject, subjectDer, issuerDer } = certificate
  const own = readOnly(subjectDer, TAG.sequence).content
  const signers = readOnly(issuerDer, TAG.sequence).content
  const begins = Buffer.compare(own.subarray(0, signers.length), signers) === 0
  const [last, ...others] = subject.at(-1) ?? []
  const isOneMore = begins && own.length > signers.length && isOnePart(own.subarray(signers.length))
  if (isOneMore && last?.type === 'CN' && others.length === 0) return
  const what = 'its name is not that of its signer with one more CN; a proxy can have no other name'
  throw refuse(certificate, 'proxy-name', what)
}

/** Whether a part of a name (an ASN.1 SET, well-formed as the name was parsed) is all there is. */
function isOnePart(bytes: Uint8Array): boolean {
  try {
    readOnly(bytes, TAG.set)
    return true
  } catch {
    return false
  }
}

function checkProxyExtensions(certificate: Certificate): void {
  const { extensions } = certificate
  for (const oid of [EXTENSION.proxyCertInfo, EXTENSION.proxyCertInfoDraft]) {
    if (extensions.get(oid)?.critical !== false) continue
    throw refuse(certificate, 'proxy', 'its proxy information is not critical; make it with another tool')
  }
  for (const oid of [EXTENSION.subjectAltName, EXTENSION.issuerAltName]) {
    if (!extensions.has(oid)) continue
    throw refuse(certificate, 'proxy', 'it is a proxy and has alternative names, which no proxy may have')
  }
}

function checkPolicy(certificate: Certificate, { language, hasPolicy }: ProxyInfo): void {
  const { inheritAll, limited, independent } = PROXY_LANGUAGE
  if ((language === inheritAll || language === limited) && !hasPolicy) return
  const what =
    language === independent
      ? 'it is an independent proxy, which stands for nobody; make one without -independent'
      : `its policy (language ${language}) is not known here; make a proxy without a policy`
  throw refuse(certificate, 'proxy-policy', what)
}

/** Whoever signs a proxy or a handshake needs digitalSignature where it has a key usage (RFC 3820 4.1.3). */
function checkSigner(certificate: Certificate): void {
  const { keyUsage } = certificate
  if (keyUsage === undefined || keyUsage[KEY_USAGE.digitalSignature] === true) return
  throw refuse(
    certificate,
    'key-usage',
    'its key usage lacks digitalSignature, so that it can be no proxy and sign none',
  )
}

/** Whether one of the proxies is limited; then all below it are (Globus: such a proxy starts no jobs; here: changes nothing). */
export function isLimited({ proxies }: PathParts): boolean {
  return proxies.some(({ info }) => info.language === PROXY_LANGUAGE.limited)
}
