import { X509Certificate } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const END = '-----END CERTIFICATE-----'

/**
 * Every certificate of a PEM text, in order; other blocks and text between them are skipped.
 * Throws CertificateError when a block is no certificate or more than `max` are there.
 */
export function certificatesOfPem(pem: string, max: number): X509Certificate[] {
  const certificates: X509Certificate[] = []
  for (let at = pem.indexOf(BEGIN); at !== -1; at = pem.indexOf(BEGIN, at + 1)) {
    const end = pem.indexOf(END, at)
    if (end === -1) throw new CertificateError('a PEM block of a certificate has no end')
    if (certificates.length === max) throw new CertificateError(`there are more than ${max} certificates`)
    certificates.push(readCertificate(pem.slice(at, end + END.length)))
  }
  return certificates
}

/** One certificate from PEM or DER. Throws CertificateError. */
export function readCertificate(bytes: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (cause) {
    throw new CertificateError('not a certificate', { cause, data: { reason: 'malformed' } })
  }
}

/** PEM blocks, one after the other. */
export function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('')
}
