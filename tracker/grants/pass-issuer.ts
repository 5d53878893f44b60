import type { Clock } from '../../src/core/clock.ts'
import { PASS_TYPE, type Pass } from '../../src/core/pass.ts'
import { ShortLived, type ShortLivedInit, type Signer } from './short-lived.ts'

/** What a pass says besides its times. */
export type PassUse = Omit<Pass, 'iat' | 'exp'>

/** Signs passes: this peer is that node. Whether it is, and is active, is for the caller to know. */
export class PassIssuer extends ShortLived<PassUse> {
  constructor(components: { sign: Signer; clock: Clock }, init: Omit<ShortLivedInit, 'typ'>) {
    super(components, { ...init, typ: PASS_TYPE })
  }
}
