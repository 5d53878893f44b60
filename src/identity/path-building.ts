import { CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'
import { isSelfIssued } from './authorities.ts'
import type { Certificate } from './certificate.ts'
import { checkKey, checkSignatureAlgorithm } from './certificate-rules.ts'
import { refuse } from './refusal.ts'
import type { Trust } from './trust.ts'

/**
 * The path from the first certificate of `chain` to an anchor, anchor included, with every signature verified.
 * Certificates that `chain` has beyond the anchor are not looked at. Names are followed upwards and signatures
 * verified downwards, so that no key is put to work that nobody trusted has certified. Throws CertificateError.
 */
export function buildPath(chain: readonly Certificate[], trust: Trust): Certificate[] {
  const path = followNames(chain, trust)
  for (let i = path.length - 2; i >= 0; i--) {
    const [current, issuer] = [path[i], path[i + 1]]
    if (current === undefined || issuer === undefined || isIssuedBy(current, issuer)) continue
    throw refuse(current, 'bad-signature', `its signature was not made by the key of ${issuer.dn}`)
  }
  return path
}

function followNames(chain: readonly Certificate[], trust: Trust): Certificate[] {
  const path: Certificate[] = []
  let current = chain[0]
  while (current !== undefined) {
    path.push(current)
    if (path.length > CHAIN_CERTIFICATES_MAX) throw refuse(current, 'chain-length', 'its path is too long')
    if (path.length > 1 && trust.isAnchor(current)) return path
    checkSignatureAlgorithm(current)
    const anchor = issuerAmong(current, trust.anchorsFor(current))
    if (anchor !== undefined) return endAt(path, anchor)
    current = nextOf(current, chain[path.length], trust)
  }
  return path
}

function endAt(path: Certificate[], anchor: Certificate): Certificate[] {
  const [leaf] = path
  if (leaf !== undefined && path.length === 1 && sameBytes(leaf, anchor)) {
    throw refuse(leaf, 'ca-as-identity', 'it is the CA itself; use a certificate that the CA issued')
  }
  return [...path, anchor]
}

/** The issuer of `current` that is no anchor: the next one presented, else one from the CA file. */
function nextOf(current: Certificate, presented: Certificate | undefined, trust: Trust): Certificate {
  if (presented !== undefined && sameName(current, presented)) return presented
  const known = issuerAmong(current, trust.intermediatesFor(current))
  if (known !== undefined) return known
  const [namesake] = trust.anchorsFor(current)
  if (namesake !== undefined) {
    const what = `it claims to be from ${namesake.dn} and was not signed by the key of that CA here`
    throw refuse(current, 'bad-signature', `${what}; is the CA file of this site in use?`)
  }
  if (isSelfIssued(current)) {
    const what = 'it is self-signed and not in the CA file; use a certificate of the site CA'
    throw refuse(current, 'not-trusted', what)
  }
  const what = 'its issuer is neither in the chain nor in the CA file; send the whole chain or add the CA'
  throw refuse(current, 'not-trusted', what)
}

/** The one of `candidates`, all from the CA file, whose key made the signature of `current`. */
function issuerAmong(current: Certificate, candidates: readonly Certificate[]): Certificate | undefined {
  return candidates.find((candidate) => isIssuedBy(current, candidate))
}

/** Whether the key of `issuer` made the signature of `current`. Throws CertificateError when that key is weak. */
function isIssuedBy(current: Certificate, issuer: Certificate): boolean {
  return current.x509.verify(checkKey(issuer))
}

function sameName(current: Certificate, issuer: Certificate): boolean {
  return Buffer.compare(current.issuerDer, issuer.subjectDer) === 0
}

function sameBytes(one: Certificate, other: Certificate): boolean {
  return Buffer.compare(one.x509.raw, other.x509.raw) === 0
}
