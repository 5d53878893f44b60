import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, ProtocolError } from '../core/errors.ts'
import { PEER_RETRY_MS, RELATED_NEIGHBOURS_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { Connection } from './connection.ts'
import { SessionPeer } from './session-peer.ts'

/** Another image with some of the same blocks, and who has it. */
export interface RelatedSwarm {
  readonly manifest: ManifestId
  readonly grant: string
  readonly peers: readonly PeerAddress[]
}

export interface RelatedComponents {
  clock: Clock
  log: Log
  connect(address: PeerAddress, options?: CallOptions): Promise<Connection>
  /** Whether the peer is a neighbour in the swarm itself. */
  isNeighbour(peer: PeerKey): boolean
}

interface Events {
  joined(peer: SessionPeer): void
  left(peer: SessionPeer): void
}

/** Peers of one session that are in the swarm of another image with some of the same blocks: they are asked by digest. */
export class RelatedNeighbours {
  readonly #components: RelatedComponents
  readonly #events: Events
  readonly #peers = new Map<PeerKey, SessionPeer>()
  readonly #joining = new Set<PeerKey>()
  readonly #notBeforeMs = new Map<PeerKey, number>()
  #closed = false

  constructor(components: RelatedComponents, events: Events) {
    this.#components = components
    this.#events = events
  }

  get all(): SessionPeer[] {
    return [...this.#peers.values()]
  }

  uses(connection: Connection): boolean {
    return this.#peers.get(connection.peer)?.connection === connection
  }

  /** Learns who has a related image, and the grant for it; may be called again with newer ones. */
  learn({ manifest, grant, peers }: RelatedSwarm): void {
    for (const peer of this.#peers.values())
      if (peer.related === manifest) peer.connection.send({ type: 'renew', id: peer.id, grant })
    for (const address of peers) if (this.#wanted(address.peer)) void this.#join(address, { manifest, grant })
  }

  /** The connection has ended. */
  lost(connection: Connection): void {
    const peer = this.#peers.get(connection.peer)
    if (peer?.connection === connection) this.#remove(peer)
  }

  /** The other side needs the place in its swarm for somebody else. */
  dismissed(connection: Connection, id: number): void {
    const peer = this.#peers.get(connection.peer)
    if (peer?.connection === connection && peer.id === id) this.#remove(peer)
  }

  /** Drops a peer; for the rest of the session, or until it may come back. */
  drop(peer: SessionPeer, reason: Error, { forGood }: { forGood: boolean }): void {
    this.#later(peer.key, forGood ? Number.POSITIVE_INFINITY : PEER_RETRY_MS)
    peer.connection.drop(reason)
    this.#remove(peer)
  }

  close(): void {
    this.#closed = true
    for (const { connection, id } of this.#peers.values())
      connection.send({ type: 'leave', id, byOpener: true })
    this.#peers.clear()
  }

  #wanted(peer: PeerKey): boolean {
    if (this.#closed || this.#peers.has(peer) || this.#joining.has(peer)) return false
    if (this.#components.isNeighbour(peer)) return false
    if ((this.#notBeforeMs.get(peer) ?? 0) > this.#components.clock.monotonic()) return false
    return this.#peers.size + this.#joining.size < RELATED_NEIGHBOURS_MAX
  }

  async #join(address: PeerAddress, swarm: { manifest: ManifestId; grant: string }): Promise<void> {
    const { connect, log } = this.#components
    const { peer: key } = address
    this.#joining.add(key)
    try {
      const connection = await connect(address)
      const { credit } = await connection.hello()
      const opened = await connection.open(swarm.manifest, swarm.grant)
      if (this.#closed || connection.closed) return
      const peer = new SessionPeer({ connection, origin: false, opened, credit, related: swarm.manifest })
      this.#peers.set(key, peer)
      this.#events.joined(peer)
    } catch (error) {
      this.#later(key, error instanceof ProtocolError ? Number.POSITIVE_INFINITY : PEER_RETRY_MS)
      if (!(error instanceof BootswarmError)) log.error({ peer: key, err: error }, 'could not join a peer')
      else log.debug({ peer: key, err: error.message }, 'could not join a peer of a related image')
    } finally {
      this.#joining.delete(key)
    }
  }

  #later(key: PeerKey, ms: number): void {
    this.#notBeforeMs.set(key, this.#components.clock.monotonic() + ms)
  }

  #remove(peer: SessionPeer): void {
    if (this.#peers.get(peer.key) !== peer) return
    this.#peers.delete(peer.key)
    this.#events.left(peer)
  }
}
