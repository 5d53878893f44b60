import type { X509Certificate } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'
import { TRUST_CERTIFICATES_MAX } from '../core/limits.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { readIdentityFile } from './files.ts'
import { certificatesOfPem, pemOf } from './pem.ts'

/**
 * The certificates of the authorities that a site trusts, from one PEM file. Self-signed ones are anchors, where
 * paths end; others help to complete the chains of those who send only their own certificate.
 */
export class Trust {
  /** All certificates of the file as PEM, for the `ca` option of TLS. */
  readonly pem: string
  readonly #bySubject = new Map<string, Certificate[]>()

  private constructor(certificates: readonly X509Certificate[]) {
    this.pem = pemOf(certificates)
    for (const certificate of certificates.map(parseCertificate)) {
      checkAuthority(certificate)
      const key = keyOf(certificate.subjectDer)
      this.#bySubject.set(key, [...(this.#bySubject.get(key) ?? []), certificate])
    }
  }

  /** Reads a PEM file. Throws CertificateError when it is missing or holds anything but authorities. */
  static async load(path: string): Promise<Trust> {
    const pem = await readIdentityFile(path, 'CA file')
    try {
      return Trust.fromPem(pem)
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      throw new CertificateError(`CA file ${path}: ${error.message}`, { cause: error, data: error.data })
    }
  }

  /** Throws CertificateError when `pem` has no self-signed authority, or a certificate that is no authority. */
  static fromPem(pem: string): Trust {
    const certificates = certificatesOfPem(pem, TRUST_CERTIFICATES_MAX)
    const trust = new Trust(certificates)
    if (![...trust.#bySubject.values()].flat().some(isSelfIssued)) {
      throw new CertificateError(
        'there is no self-signed authority in it; put the root certificate of the CA there',
      )
    }
    return trust
  }

  /** Anchors that may have issued `certificate`: same name. More than one after a CA has changed its key. */
  anchorsFor(certificate: Certificate): readonly Certificate[] {
    return this.#named(certificate).filter(isSelfIssued)
  }

  /** Authorities of the file that are no anchors and may have issued `certificate`. */
  intermediatesFor(certificate: Certificate): readonly Certificate[] {
    return this.#named(certificate).filter((candidate) => !isSelfIssued(candidate))
  }

  /** Whether this very certificate is an anchor. */
  isAnchor(certificate: Certificate): boolean {
    const named = this.#bySubject.get(keyOf(certificate.subjectDer)) ?? []
    return named.some(
      (anchor) => isSelfIssued(anchor) && Buffer.compare(anchor.x509.raw, certificate.x509.raw) === 0,
    )
  }

  #named(certificate: Certificate): readonly Certificate[] {
    return this.#bySubject.get(keyOf(certificate.issuerDer)) ?? []
  }
}

/** Whether a certificate names itself as its issuer. */
export function isSelfIssued(certificate: Certificate): boolean {
  return Buffer.compare(certificate.subjectDer, certificate.issuerDer) === 0
}

function checkAuthority(certificate: Certificate): void {
  if (certificate.basicConstraints?.ca === true) return
  throw new CertificateError(
    `certificate ${certificate.dn} is no authority (no basicConstraints CA:TRUE); only CA certificates belong in the CA file`,
    { data: { reason: 'not-a-ca', dn: certificate.dn } },
  )
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1')
}
