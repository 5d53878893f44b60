import type { CallOptions } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { adoptUnsigned } from './adoption.ts'
import { ChainScrub } from './scrub.ts'
import { ScrubTimer } from './scrub-timer.ts'
import type { SignedParts } from './signed-parts.ts'

export interface KeepChainsComponents {
  /** What is started is stopped by it. */
  readonly opened: AsyncDisposableStack
  readonly signed: SignedParts
  readonly clock: Clock
  readonly log: Log
}

/** Signs what an earlier release made, then reads all chains from time to time. `author`: distinguished name of the tracker. */
export async function keepChains(components: KeepChainsComponents, init: { author: string }): Promise<void> {
  const { opened, signed, clock, log } = components
  const adopted = await adoptUnsigned(signed, init)
  if (adopted.namespaces + adopted.images > 0) log.info({ ...adopted }, 'signed what an earlier release made')
  const scrub = (options: CallOptions) => ChainScrub.run(signed, options)
  opened.adopt(new ScrubTimer({ scrub, clock, log }), (timer) => timer.stop())
}
