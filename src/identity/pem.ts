import { X509Certificate } from 'node:crypto'
import { CertificateError } from '../core/errors.ts'

/**
 * Every certificate of a PEM text, in order; other blocks and text between them are skipped.
 * Throws CertificateError when a block is no certificate or more than `max` are there.
 */
export function certificatesOfPem(pem: string, max: number): X509Certificate[] {
  return blocksOf(pem, { label: 'CERTIFICATE', max }).map(readCertificate)
}

/**
 * DER of every revocation list of a file, which is DER itself or PEM. Throws CertificateError when there is none, a block has
 * no end or more than `max` are there.
 */
export function listsOfFile(bytes: Buffer, max: number): Uint8Array[] {
  // An ASN.1 SEQUENCE; a PEM text begins with `-` or with something to read.
  if (bytes[0] === 0x30) return [bytes]
  const blocks = blocksOf(bytes.toString('latin1'), { label: 'X509 CRL', max })
  if (blocks.length === 0) throw new CertificateError('there is no revocation list in it')
  return blocks.map((block) => Buffer.from(block.replace(/^-----.*$/gm, ''), 'base64'))
}

function blocksOf(pem: string, { label, max }: { label: string; max: number }): string[] {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`]
  const blocks: string[] = []
  for (let at = pem.indexOf(begin); at !== -1; at = pem.indexOf(begin, at + 1)) {
    const to = pem.indexOf(end, at)
    if (to === -1) throw new CertificateError(`a PEM block (${label}) has no end`)
    if (blocks.length === max) throw new CertificateError(`there are more than ${max} PEM blocks (${label})`)
    blocks.push(pem.slice(at, to + end.length))
  }
  return blocks
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
