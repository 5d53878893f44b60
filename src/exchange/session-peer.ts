import { Bitmap } from '../core/bitmap.ts'
import { PEER_FLIGHT_BYTES_MAX, RUN_BYTES_MAX } from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import type { Opened } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'

/** A neighbour in one session: a connection in which the swarm is open, and what is under way there. */
export class SessionPeer {
  readonly connection: Connection
  readonly key: PeerKey
  readonly origin: boolean
  /** The swarm's number in this connection, ours. */
  readonly id: number
  readonly runs: number
  readonly have: Bitmap
  /** Uncompressed bytes that may be wanted and not yet stored: our bound or theirs; one run at least. */
  readonly flightBytesMax: number
  /** Uncompressed bytes wanted and not yet stored. */
  flightBytes = 0
  /** Requests under way, by run. */
  readonly requests = new Map<number, number>()
  /** Runs that an origin told us to want. */
  assigned: number[] = []
  asking = false
  pausedUntilMs = 0
  timeouts = 0

  constructor(init: { connection: Connection; origin: boolean; opened: Opened; credit: number }) {
    this.connection = init.connection
    this.key = init.connection.peer
    this.origin = init.origin
    this.id = init.opened.id
    this.runs = init.opened.runs
    this.flightBytesMax = Math.max(RUN_BYTES_MAX, Math.min(PEER_FLIGHT_BYTES_MAX, init.credit))
    this.have = Bitmap.decode(init.opened.runs, init.opened.have)
  }
}
