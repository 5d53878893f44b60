import { CertificateError } from '../core/errors.ts'
import type { Certificate } from './certificate.ts'

/** Why a path was refused, for programs (`data.reason` of the CertificateError). docs/specs/identity-v1.md explains each. */
export type Reason =
  | 'chain-length'
  | 'duplicate'
  | 'malformed'
  | 'no-certificate'
  | 'not-trusted'
  | 'bad-signature'
  | 'weak-key'
  | 'weak-signature'
  | 'not-yet-valid'
  | 'expired'
  | 'not-a-ca'
  | 'ca-as-identity'
  | 'path-length'
  | 'key-usage'
  | 'extended-key-usage'
  | 'critical-extension'
  | 'name-constraints'
  | 'signing-policy'
  | 'revoked'
  | 'crl-expired'
  | 'crl-invalid'
  | 'crl-missing'
  | 'proxy'
  | 'proxy-name'
  | 'proxy-policy'
  | 'no-name'
  | 'wrong-host'

/** The error that refuses `certificate`; `what` says what is wrong and what to do. */
export function refuse(certificate: Certificate, reason: Reason, what: string): CertificateError {
  const { dn } = certificate
  return new CertificateError(`certificate ${dn === '' ? '(without a name)' : dn}: ${what}`, {
    data: { reason, dn },
  })
}

/** A time as messages write it. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
