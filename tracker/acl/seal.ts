import type { Clock } from '../../src/core/clock.ts'
import { ConfigError } from '../../src/core/errors.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { signPayload, verifyJws } from '../../src/identity/jws.ts'
import { validatePath } from '../../src/identity/path-validation.ts'

/** What a tracker of this site has signed. */
export interface Opened {
  readonly claims: Record<string, unknown>
  /** When the path of its signer ends. */
  readonly notAfterMs: number
}

/** Signs in the tracker's name, and reads what trackers of this site have signed. */
export interface Seal {
  /** When the path of this tracker's own certificate ends. */
  readonly notAfterMs: number
  /** Errors: InvalidError when the result would be too large. */
  sign(payload: Uint8Array, options: { typ: string }): Promise<string>
  /**
   * @param options.atMs when the certificate of the signer must have been valid; now unless given
   * Errors: SignatureError, CertificateError when the signer's certificate is not good for it.
   */
  open(token: string, options: { typ: string; atMs?: number }): Promise<Opened>
}

/**
 * The first name or address that a certificate is for: what the tracker signs as, unless its configuration says another.
 * Throws ConfigError when there is none.
 */
export function signingNameOf(identity: Identity): string {
  const [leaf] = identity.chain
  const name = /(?:^|, )(?:DNS|IP Address):(?<name>[^,"]+)/.exec(leaf?.subjectAltName ?? '')?.groups?.['name']
  if (name !== undefined) return name
  throw new ConfigError(
    'the certificate of the tracker has no name (subjectAltName), so that nobody could check what it signs; issue one with bootswarm ca issue tracker',
  )
}

/**
 * `name`: what the certificates of all trackers on one database share, which nodes and people know it by.
 * Throws CertificateError when the certificate may not sign in this name.
 */
export function identitySeal(components: { identity: Identity; clock: Clock }, init: { name: string }): Seal {
  const { identity, clock } = components
  const { trust, chain } = identity
  validatePath(chain, { trust, nowMs: clock.now(), purpose: 'sign', host: init.name })
  return {
    get notAfterMs() {
      return identity.principal.notAfterMs
    },
    sign: (payload, options) => signPayload(identity, payload, options),
    async open(token, { typ, atMs }) {
      const times = { nowMs: clock.now(), madeAtMs: atMs }
      const { claims, principal } = await verifyJws(token, { trust, typ, ...times, host: init.name })
      return { claims, notAfterMs: principal.notAfterMs }
    },
  }
}
