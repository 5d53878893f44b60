import { CertificateError } from '../src/core/errors.ts'
import type { Identity } from '../src/identity/identity-files.ts'

/**
 * Names and addresses of a tracker's certificate: what it may sign for. Throws CertificateError when there is none.
 */
export function trackerNames(identity: Pick<Identity, 'chain'>): readonly [string, ...string[]] {
  const text = identity.chain[0]?.subjectAltName ?? ''
  const names = [...text.matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].flatMap(([, name]) => name ?? [])
  const [first, ...others] = names
  if (first === undefined) {
    throw new CertificateError(
      'the certificate of the tracker has no DNS name or IP address: issue it with bootswarm ca issue tracker NAME --dns HOST',
    )
  }
  return [first, ...others]
}
