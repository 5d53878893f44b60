import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../src/core/clock.ts'
import { CertificateError } from '../../src/core/errors.ts'
import { judgeSocket, type Principal } from '../../src/identity/path-validation.ts'
import type { Trust } from '../../src/identity/trust.ts'

/** Who is at the other end. Throws CertificateError. */
export type Authenticate = (socket: Socket) => Principal

/** What came of a connection's certificates. */
interface Verdict {
  /** Of the trust; with a later one everything is judged again. */
  readonly generation: number
  readonly outcome: Principal | CertificateError
  readonly untilMs: number
}

/**
 * Validates the client's certificate once per connection; each request then only looks whether that still holds: a certificate
 * that ends, or that is revoked meanwhile, stops counting at the next request of a connection that is open.
 * TLS itself accepts any certificate, so that proxies pass and the refusal says why.
 */
export function socketAuthenticator(components: { trust: Trust; clock: Clock }): Authenticate {
  const { trust, clock } = components
  const known = new WeakMap<Socket, Verdict>()
  return (socket) => {
    const nowMs = clock.now()
    const { generation } = trust
    let verdict = known.get(socket)
    if (verdict === undefined || verdict.generation !== generation || nowMs >= verdict.untilMs) {
      verdict = { generation, ...judge(socket, { trust, nowMs }) }
      known.set(socket, verdict)
    }
    if (verdict.outcome instanceof CertificateError) throw verdict.outcome
    return verdict.outcome
  }
}

function judge(socket: Socket, init: { trust: Trust; nowMs: number }): Omit<Verdict, 'generation'> {
  try {
    if (!(socket instanceof TLSSocket)) {
      throw new CertificateError('this needs TLS with a client certificate')
    }
    const { principal, listsUntilMs } = judgeSocket(socket, { ...init, purpose: 'client' })
    return { outcome: principal, untilMs: Math.min(principal.notAfterMs, listsUntilMs) }
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return { outcome: error, untilMs: Number.POSITIVE_INFINITY }
  }
}

/**
 * Whether the other end is a tracker of this one's site and name: it has a certificate, and not a proxy, that could sign in this
 * tracker's name. What its subject says does not matter.
 */
export function trackerCheck(
  components: { trust: Trust; clock: Clock },
  init: { name: string },
): (socket: Socket) => boolean {
  const { trust, clock } = components
  return (socket) => {
    try {
      if (!(socket instanceof TLSSocket)) return false
      const judged = { trust, nowMs: clock.now(), purpose: 'sign', host: init.name } as const
      return judgeSocket(socket, judged).principal.proxyDepth === 0
    } catch (error) {
      if (error instanceof CertificateError) return false
      throw error
    }
  }
}
