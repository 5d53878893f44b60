import { CertificateError } from '../core/errors.ts'
import type { Certificate } from './certificate.ts'

/** Certificates of authorities by their names. */
export class Authorities {
  readonly #bySubject = new Map<string, Certificate[]>()

  constructor(certificates: readonly Certificate[]) {
    for (const certificate of certificates) {
      const key = keyOf(certificate.subjectDer)
      const namesakes = this.#bySubject.get(key) ?? []
      this.#bySubject.set(key, namesakes)
      if (!namesakes.some((one) => isSame(one, certificate))) namesakes.push(certificate)
    }
  }

  get all(): readonly Certificate[] {
    return [...this.#bySubject.values()].flat()
  }

  /** Those that may have issued `certificate`: same name. More than one after an authority has changed its key. */
  issuersOf(certificate: Certificate): readonly Certificate[] {
    return this.#bySubject.get(keyOf(certificate.issuerDer)) ?? []
  }

  /** Whether this very certificate is one of them. */
  has(certificate: Certificate): boolean {
    const named = this.#bySubject.get(keyOf(certificate.subjectDer)) ?? []
    return named.some((one) => isSame(one, certificate))
  }
}

/** Whether a certificate names itself as its issuer. */
export function isSelfIssued(certificate: Certificate): boolean {
  return Buffer.compare(certificate.subjectDer, certificate.issuerDer) === 0
}

/** Throws CertificateError. */
export function checkIsAuthority(certificate: Certificate): void {
  if (certificate.basicConstraints?.ca === true) return
  throw new CertificateError(
    `certificate ${certificate.dn} is no authority (no basicConstraints CA:TRUE); only CA certificates belong in the CA file`,
    { data: { reason: 'not-a-ca', dn: certificate.dn } },
  )
}

/** Octets of a name as a key of maps. */
export function keyOf(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString('latin1')
}

function isSame(one: Certificate, other: Certificate): boolean {
  return Buffer.compare(one.x509.raw, other.x509.raw) === 0
}
