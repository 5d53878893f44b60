import type { TrafficClass } from '../../core/traffic-class.ts'
import type { FetchPeer } from './fetch-peer.ts'

/** Some parts of one run, wanted from one peer; the policy's handle for them until they are stored or have failed. */
export interface Want {
  readonly peer: FetchPeer
  readonly run: number
  /** Bit k: part k of the run. */
  readonly parts: number
  /** Another peer was asked before: a straggler is hedged. */
  readonly copy: boolean
  readonly sentMs: number
  /** When the peer should have delivered it by its measured rate; infinite while that is not known. */
  readonly dueMs: number
  /** Uncompressed bytes: at most what the parts can have, until `sized` says it exactly. */
  bytes: number
  answered: boolean
  /** What for; the serving side orders by it. */
  readonly class: TrafficClass
}

/** Why a want has failed: `lost` blames nobody (cancelled, peer gone, blocks still missing after the answer). */
export type WantFailure = 'busy' | 'lacks' | 'timeout' | 'lost'

/** What the I/O around the policy is to do now. */
export type Decision =
  | { readonly type: 'want'; readonly want: Want }
  /** Its answer is not needed any more. The want is `failed` or `answered` all the same. */
  | { readonly type: 'cancel'; readonly want: Want }
  | {
      readonly type: 'ask'
      readonly peer: FetchPeer
      readonly count: number
      /** Nobody else can give anything. */
      readonly starving: boolean
    }
  /** Drop the peer; it may come back. */
  | { readonly type: 'release'; readonly peer: FetchPeer; readonly reason: 'lacks' | 'timeout' }
