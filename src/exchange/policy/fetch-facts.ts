import type { Bitmap } from '../../core/bitmap.ts'
import type { Nearness } from '../../core/nearness.ts'
import type { Random } from '../../core/random.ts'
import type { TrafficClass } from '../../core/traffic-class.ts'

export interface PeerJoin {
  readonly key: string
  /** Runs that it holds; what it gets later comes through `peerHas`. Not read for an origin. */
  readonly have: Bitmap
  readonly origin: boolean
  /** It only may have what `have` says: it has another image. Nobody waits for it. */
  readonly related?: boolean
  /** By its labels; a peer of the own rack comes before others. */
  readonly nearness: Nearness
  /** Bytes of wants that it takes at a time. */
  readonly credit: number
}

export interface FetchPolicyInit {
  readonly runs: number
  /** Parts of a run; by the number of runs when it is left out. */
  readonly parts?: number
  readonly random: Random
  readonly nowMs: number
  /** Key of this peer. */
  readonly self?: string
  /** What the image is wanted for. */
  readonly class?: TrafficClass
}
