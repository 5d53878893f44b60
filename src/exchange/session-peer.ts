import { Bitmap } from '../core/bitmap.ts'
import type { ManifestId } from '../core/cid.ts'
import type { PeerKey } from '../core/router.ts'
import type { Opened } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'
import type { FetchPeer } from './policy/fetch-peer.ts'

/** A neighbour in one session: a connection in which the swarm is open. */
export class SessionPeer {
  readonly connection: Connection
  readonly key: PeerKey
  readonly origin: boolean
  /** The swarm's number in this connection, ours. */
  readonly id: number
  readonly runs: number
  /** What it held when it joined and told before the policy knew it. */
  readonly have: Bitmap
  /** Bytes of wants that it takes at a time. */
  readonly credit: number
  /** Another image that it has, with some of the same blocks: it is asked by digest. Undefined for a peer of the swarm itself. */
  readonly related: ManifestId | undefined
  /** Requests for nodes in a row that it did not answer. */
  timeouts = 0
  /** The same peer as the policy knows it; undefined before the manifest is known. */
  fetch: FetchPeer | undefined

  constructor(init: {
    connection: Connection
    origin: boolean
    opened: Opened
    credit: number
    related?: ManifestId
  }) {
    this.connection = init.connection
    this.key = init.connection.peer
    this.origin = init.origin
    this.id = init.opened.id
    this.runs = init.opened.runs
    this.credit = init.credit
    this.related = init.related
    this.have = Bitmap.decode(init.opened.runs, init.opened.have)
  }
}
