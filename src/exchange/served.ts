import type { Grant } from '../core/grant.ts'
import type { Asker } from './asker.ts'
import type { Repeats } from './policy/repeats.ts'
import type { ServingPlaces } from './policy/serving-places.ts'
import type { Swarm } from './swarm.ts'

/** A swarm that the other side of a connection has opened here. */
export interface Served {
  readonly id: number
  readonly swarm: Swarm
  grant: Grant
  /** The other side as one that asks for runs; only at an origin. */
  readonly asker: Asker | undefined
  readonly places: ServingPlaces | undefined
  readonly repeats: Repeats
  readonly stop: () => void
  renewedMs: number
  /** Bytes of blocks that it was given. */
  givenBytes: number
}
