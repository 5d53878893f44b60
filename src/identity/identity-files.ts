import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'
import { CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'
import { isSelfIssued } from './authorities.ts'
import { parseCertificate } from './certificate.ts'
import type { Purpose } from './certificate-rules.ts'
import { readIdentityFile, readKeyFile } from './files.ts'
import { type Principal, validatePath } from './path-validation.ts'
import { certificatesOfPem, pemOf } from './pem.ts'
import { Trust } from './trust.ts'
import type { TrustSource } from './trust-files.ts'

/** A certificate with its key, and the authorities that it is judged by. */
export interface Identity {
  /** Leaf, then its chain without the root. */
  readonly certificatePem: string
  /** Secret. */
  readonly keyPem: string
  /** The same as `certificatePem`, leaf first. */
  readonly chain: readonly X509Certificate[]
  readonly trust: Trust
  readonly principal: Principal
}

export interface IdentityInit extends TrustSource {
  /** Path of a PEM file: the certificate and its chain, in any order; proxies too. */
  readonly certificate: string
  /** Path of a PEM file: the key, not encrypted, mode 0600. The same path for a proxy file, which holds all. */
  readonly key: string
  /** What the certificate must be good for; `any` unless given. */
  readonly purpose?: Purpose
  /** Name that the certificate must have. */
  readonly host?: string
  /** Milliseconds since the epoch; the system's clock unless given. */
  readonly nowMs?: number
}

/**
 * Reads and checks an identity: key file closed to others, key and certificate belong together, path valid now.
 * Throws CertificateError that says what to do.
 */
export async function loadIdentity(init: IdentityInit): Promise<Identity> {
  const trust = await Trust.load(init)
  return { ...(await readOwn(init, trust)), trust }
}

/** What an identity has in files of its own. */
export type OwnFiles = Omit<Identity, 'trust'>

/** Reads and checks certificate and key. Errors: as `loadIdentity`. */
export async function readOwn(init: IdentityInit, trust: Trust): Promise<OwnFiles> {
  const { certificate, key, nowMs = Date.now(), purpose = 'any', host } = init
  const privateKey = parseKey(await readKeyFile(key, 'key file'), key)
  const pem = await readIdentityFile(certificate, 'certificate file')
  const chain = chainFor(privateKey, { pem, certificate, key })
  const principal = validatePath(chain, { trust, nowMs, purpose, host })
  return {
    certificatePem: pemOf(chain),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    chain,
    principal,
  }
}

function parseKey(pem: Buffer, path: string): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    const what = `key file ${path} is encrypted, and nobody is there to type its passphrase`
    throw new CertificateError(
      `${what}; people make a proxy of it (grid-proxy-init), for a machine type: openssl pkey -in ${path} -out plain.key && chmod 600 plain.key`,
      { data: { reason: 'key-encrypted', path } },
    )
  }
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new CertificateError(`key file ${path} holds no private key in PEM form`, { cause })
  }
}

interface ChainSource {
  pem: string
  certificate: string
  key: string
}

/** The certificate that `key` belongs to and, in order, those of the same file that lead towards the root. */
function chainFor(key: KeyObject, { pem, ...paths }: ChainSource): X509Certificate[] {
  const certificates = certificatesOfPem(pem, CHAIN_CERTIFICATES_MAX)
  if (certificates.length === 0) {
    throw new CertificateError(`certificate file ${paths.certificate} holds no certificate in PEM form`)
  }
  const leaf = certificates.find((candidate) => candidate.checkPrivateKey(key))
  if (leaf === undefined) {
    const what = `key file ${paths.key} does not belong to the certificate in ${paths.certificate}`
    throw new CertificateError(`${what}; use the pair that was issued together`, {
      data: { reason: 'key-mismatch' },
    })
  }
  const chain = [leaf]
  for (;;) {
    const next = certificates.find((candidate) => !chain.includes(candidate) && isNext(chain, candidate))
    if (next === undefined) return chain
    chain.push(next)
  }
}

/** Whether `candidate` issued the last of `chain`, as an authority or a proxy; a root is left out, since everybody has it. */
function isNext(chain: readonly X509Certificate[], candidate: X509Certificate): boolean {
  const last = chain.at(-1)
  if (last === undefined) return false
  const issuer = parseCertificate(candidate)
  if (isSelfIssued(issuer)) return false
  // Not checkIssued of Node.js: it takes legacy proxies for certificates that only a CA may have signed.
  return (
    Buffer.compare(parseCertificate(last).issuerDer, issuer.subjectDer) === 0 &&
    last.verify(candidate.publicKey)
  )
}
