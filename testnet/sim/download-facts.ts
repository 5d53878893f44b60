import type { Labels } from '../../src/core/nearness.ts'
import type { Random } from '../../src/core/random.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Directory } from './directory.ts'
import type { EventQueue } from './events.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import type { Held } from './service.ts'

export interface DownloadComponents {
  readonly queue: EventQueue
  readonly network: Network
  readonly host: Host
  readonly random: Random
  readonly directory: Directory
  /** More is here and may be given to others. */
  holds(held: readonly Held[]): void
  completed(): void
  /** Bytes that a peer got from here so far. */
  givenTo(peer: PeerKey): number
}

export interface DownloadInit {
  readonly key: PeerKey
  readonly labels: Labels
  readonly runs: number
  readonly parts: number
  /** From the last byte of an answer until it is verified and stored. */
  readonly storeMs: number
  /** CPU time of both sides of a new connection. */
  readonly handshakeMs: number
}
