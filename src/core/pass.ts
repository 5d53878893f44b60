import { GrantError } from './errors.ts'
import { CLOCK_SKEW_S } from './limits.ts'
import type { PeerKey } from './router.ts'

/** `typ` header of a pass's JWS. */
export const PASS_TYPE = 'bootswarm-pass+jwt'

/** Claims of a pass: this peer is that enrolled node, until `exp`. Signed by the tracker. Times in seconds since the epoch. */
export interface Pass {
  /** Name of the node. */
  readonly node: string
  /** Distinguished name of its certificate. */
  readonly sub: string
  readonly peer: PeerKey
  /** site, zone, rack, as the tracker has them. */
  readonly labels: Readonly<Record<string, string>>
  readonly iat: number
  readonly exp: number
}

/** Reads claims whose signature was verified. Throws GrantError when a field is missing or malformed. */
export function parsePass(claims: Readonly<Record<string, unknown>>): Pass {
  const { node, sub, peer, labels, iat, exp } = claims
  if (typeof node !== 'string' || typeof sub !== 'string' || typeof peer !== 'string')
    throw new GrantError('pass lacks a field')
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp) || (exp as number) <= (iat as number))
    throw new GrantError('pass has no valid time')
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    throw new GrantError('pass has no labels')
  if (Object.values(labels).some((value) => typeof value !== 'string'))
    throw new GrantError('pass has a bad label')
  const times = { iat: iat as number, exp: exp as number }
  return { node, sub, peer: peer as PeerKey, labels: labels as Record<string, string>, ...times }
}

/** Throws GrantError unless the pass is for this peer and in force. `graceS`: seconds past `exp` that still count. */
export function checkPass(pass: Pass, use: { peer: PeerKey; nowMs: number; graceS: number }): void {
  const nowS = use.nowMs / 1000
  if (pass.peer !== use.peer) throw new GrantError('pass is for another peer')
  if (nowS + CLOCK_SKEW_S < pass.iat) throw new GrantError('pass is not yet valid')
  if (nowS >= pass.exp + use.graceS) throw new GrantError('pass has expired')
}
