import type { Clock } from '../core/clock.ts'
import { judgePath } from './path-validation.ts'
import { readCertificate } from './pem.ts'
import type { Trust } from './trust.ts'

/**
 * For clients: judges the chain (DER, leaf first) of a server that TLS has accepted by our rules too, which know revocation lists
 * and signing policies. The name is for TLS to check. The function throws CertificateError.
 */
export function serverCheck({
  trust,
  clock,
}: {
  trust: Trust
  clock: Clock
}): (chain: readonly Uint8Array[]) => void {
  return (chain) => {
    judgePath(chain.map(readCertificate), { trust, nowMs: clock.now(), purpose: 'server' })
  }
}
