import type { Clock } from '../../src/core/clock.ts'
import { GRANT_TYPE, type Grant } from '../../src/core/grant.ts'
import { ShortLived, type ShortLivedInit, type Signer } from './short-lived.ts'

export type { Signer } from './short-lived.ts'

/** What a grant says besides its times. */
export type GrantUse = Omit<Grant, 'iat' | 'exp'>

/** Signs grants: this peer may fetch this manifest. Whether it may is for the caller to know. */
export class GrantIssuer extends ShortLived<GrantUse> {
  constructor(components: { sign: Signer; clock: Clock }, init: Omit<ShortLivedInit, 'typ'>) {
    super(components, { ...init, typ: GRANT_TYPE })
  }
}
