import type { ManifestId } from './cid.ts'
import { GrantError } from './errors.ts'
import { CLOCK_SKEW_S } from './limits.ts'
import type { PeerKey } from './router.ts'

/** `typ` header of a grant's JWS. */
export const GRANT_TYPE = 'bootswarm-grant+jwt'

/** Claims of a grant: this peer may fetch this manifest until `exp`. Times in seconds since the epoch. */
export interface Grant {
  /** Distinguished name of the node that asked. */
  readonly sub: string
  /** Name of that node. */
  readonly node: string
  /** Name of the user whose delegation the node has shown; left out where the node itself may read the image. */
  readonly user?: string
  readonly peer: PeerKey
  readonly manifest: ManifestId
  readonly iat: number
  readonly exp: number
}

/** Reads claims whose signature was verified. Throws GrantError when a field is missing or malformed. */
export function parseGrant(claims: Readonly<Record<string, unknown>>): Grant {
  const { sub, node, user, peer, manifest, iat, exp } = claims
  const texts = [sub, node, peer, manifest]
  if (texts.some((text) => typeof text !== 'string')) throw new GrantError('grant lacks a field')
  if (user !== undefined && typeof user !== 'string') throw new GrantError('grant has a bad field')
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp) || (exp as number) <= (iat as number)) {
    throw new GrantError('grant has no valid time')
  }
  return {
    sub: sub as string,
    node: node as string,
    ...(user === undefined ? {} : { user }),
    peer: peer as PeerKey,
    manifest: manifest as ManifestId,
    iat: iat as number,
    exp: exp as number,
  }
}

export interface GrantUse {
  readonly peer: PeerKey
  readonly nowMs: number
  /** Seconds past `exp` that still count; 0 unless the tracker is out of reach. */
  readonly graceS: number
}

/** Throws GrantError unless the grant is for this peer and in force. */
export function checkGrant(grant: Grant, use: GrantUse): void {
  const nowS = use.nowMs / 1000
  if (grant.peer !== use.peer) throw new GrantError('grant is for another peer')
  if (nowS + CLOCK_SKEW_S < grant.iat) throw new GrantError('grant is not yet valid')
  if (nowS >= grant.exp + use.graceS) throw new GrantError('grant has expired')
}
