import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../src/core/clock.ts'
import { BootswarmError, CertificateError } from '../../src/core/errors.ts'
import { type Principal, principalOfSocket } from '../../src/identity/path-validation.ts'
import type { Trust } from '../../src/identity/trust.ts'

/** Who is at the other end. Throws CertificateError. */
export type Authenticate = (socket: Socket) => Principal

/**
 * Validates the client's certificate once per connection; each request then only looks whether it has expired.
 * TLS itself accepts any certificate, so that proxies pass and the refusal says why.
 */
export function socketAuthenticator(components: { trust: Trust; clock: Clock }): Authenticate {
  const known = new WeakMap<Socket, Principal | BootswarmError>()
  return (socket) => {
    const nowMs = components.clock.now()
    const before = known.get(socket)
    if (before instanceof BootswarmError) throw before
    if (before !== undefined && nowMs < before.notAfterMs) return before
    try {
      if (!(socket instanceof TLSSocket))
        throw new CertificateError('this needs TLS with a client certificate')
      const principal = principalOfSocket(socket, { trust: components.trust, nowMs, purpose: 'client' })
      known.set(socket, principal)
      return principal
    } catch (error) {
      if (error instanceof BootswarmError) known.set(socket, error)
      throw error
    }
  }
}
