import { CertificateError } from '../core/errors.ts'
import { CHAIN_CERTIFICATES_MAX } from '../core/limits.ts'
import { parseCertificate } from './certificate.ts'
import { rfc4514Form } from './distinguished-name.ts'
import { certificatesOfPem } from './pem.ts'

/** What a person wants to know of a certificate. */
export interface CertificateFacts {
  /** Subject in slash form. */
  readonly dn: string
  /** Subject as RFC 4514 writes it. */
  readonly rfc4514: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint256: string
}

/** Facts of the first certificate of a PEM text; says nothing about trust. Throws CertificateError. */
export function describeCertificate(pem: string): CertificateFacts {
  const [first] = certificatesOfPem(pem, CHAIN_CERTIFICATES_MAX)
  if (first === undefined) throw new CertificateError('there is no certificate')
  const { dn, subject, notBeforeMs, notAfterMs } = parseCertificate(first)
  return { dn, rfc4514: rfc4514Form(subject), notBeforeMs, notAfterMs, fingerprint256: first.fingerprint256 }
}
