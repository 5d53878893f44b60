import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, GrantError, ProtocolError } from '../core/errors.ts'
import { PEER_RETRY_MS, SESSION_ADDRESSES_MAX, SESSION_NEIGHBOURS_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { Connection } from './connection.ts'
import { SessionPeer } from './session-peer.ts'

export interface NeighbourComponents {
  clock: Clock
  log: Log
  connect(address: PeerAddress, options?: CallOptions): Promise<Connection>
  /** The current grant. */
  grant(): string
}

export interface NeighbourEvents {
  joined(peer: SessionPeer): void
  left(peer: SessionPeer): void
}

/** The peers of one session: whom to dial, who has opened the swarm for us, who is not to be asked again. */
export class Neighbours {
  readonly #components: NeighbourComponents
  readonly #manifest: ManifestId
  readonly #events: NeighbourEvents
  readonly #peers = new Map<PeerKey, SessionPeer>()
  readonly #joining = new Set<PeerKey>()
  readonly #retryMs = new Map<PeerKey, number>()
  readonly #banned = new Set<PeerKey>()
  readonly #origins = new Set<PeerKey>()
  /** Where to dial, the longest unheard of first. */
  readonly #addresses = new Map<PeerKey, PeerAddress>()
  #closed = false

  constructor(components: NeighbourComponents, init: { manifest: ManifestId; events: NeighbourEvents }) {
    this.#components = components
    this.#manifest = init.manifest
    this.#events = init.events
  }

  get all(): SessionPeer[] {
    return [...this.#peers.values()]
  }

  get size(): number {
    return this.#peers.size
  }

  get banned(): PeerKey[] {
    return [...this.#banned]
  }

  of(connection: Connection): SessionPeer | undefined {
    const peer = this.#peers.get(connection.peer)
    return peer?.connection === connection ? peer : undefined
  }

  /** Learns of peers; dials those that are new, up to the limit. The origin does not count. */
  learn(addresses: readonly PeerAddress[]): void {
    for (const address of addresses) {
      if (address.origin === true) this.#origins.add(address.peer)
      this.#addresses.delete(address.peer)
      this.#addresses.set(address.peer, address)
      this.#dial(address)
    }
    for (const peer of this.#addresses.keys()) {
      if (this.#addresses.size <= SESSION_ADDRESSES_MAX) break
      if (!this.#origins.has(peer)) this.#addresses.delete(peer)
    }
  }

  /** Dials peers again whose time has come. */
  retry(): void {
    for (const address of this.#addresses.values()) this.#dial(address)
  }

  #dial(address: PeerAddress): void {
    if (this.#wanted(address.peer)) void this.#join(address.peer, () => this.#components.connect(address))
  }

  /** A peer that has opened the swarm here: open it there. */
  welcome(connection: Connection): void {
    if (this.#wanted(connection.peer)) void this.#join(connection.peer, async () => connection)
  }

  /** The connection has ended. */
  lost(connection: Connection): void {
    const peer = this.of(connection)
    if (peer !== undefined) this.#remove(peer)
  }

  /** Drops a peer for the rest of the session. */
  ban(peer: SessionPeer, reason: Error): void {
    this.#components.log.warn({ peer: peer.key, err: reason.message }, 'dropped a peer for this session')
    this.#banned.add(peer.key)
    peer.connection.drop(reason)
    this.#remove(peer)
  }

  /** Drops a peer that may come back. */
  release(peer: SessionPeer, reason: Error): void {
    if (this.#peers.get(peer.key) !== peer) return
    this.#later(peer.key)
    peer.connection.drop(reason)
    this.#remove(peer)
  }

  /** The peer has given its place in the swarm to another; the connection stays for what it wants here. */
  dismissed(peer: SessionPeer): void {
    this.#later(peer.key)
    this.#remove(peer)
  }

  renew(grant: string): void {
    for (const peer of this.#peers.values()) peer.connection.send({ type: 'renew', id: peer.id, grant })
  }

  close(): void {
    this.#closed = true
    for (const peer of this.#peers.values())
      peer.connection.send({ type: 'leave', id: peer.id, byOpener: true })
    this.#peers.clear()
  }

  #wanted(peer: PeerKey): boolean {
    if (this.#closed || this.#banned.has(peer) || this.#peers.has(peer) || this.#joining.has(peer))
      return false
    if ((this.#retryMs.get(peer) ?? 0) > this.#components.clock.monotonic()) return false
    return this.#origins.has(peer) || this.#peers.size + this.#joining.size < SESSION_NEIGHBOURS_MAX
  }

  async #join(key: PeerKey, connect: () => Promise<Connection>): Promise<void> {
    this.#joining.add(key)
    try {
      const connection = await connect()
      const { credit } = await connection.hello()
      const opened = await connection.open(this.#manifest, this.#components.grant())
      const peer = new SessionPeer({ connection, origin: this.#origins.has(key), opened, credit })
      if (this.#closed || connection.closed) return
      this.#peers.set(key, peer)
      this.#events.joined(peer)
    } catch (error) {
      this.#failed(key, error)
    } finally {
      this.#joining.delete(key)
    }
  }

  #failed(key: PeerKey, error: unknown): void {
    this.#later(key)
    if (!(error instanceof BootswarmError)) {
      this.#components.log.error({ peer: key, err: error }, 'could not join a peer')
      return
    }
    if (error instanceof ProtocolError) this.#banned.add(key)
    const level = error instanceof GrantError ? 'debug' : 'info'
    this.#components.log[level]({ peer: key, err: error.message }, 'could not join a peer')
  }

  #later(key: PeerKey): void {
    this.#retryMs.set(key, this.#components.clock.monotonic() + PEER_RETRY_MS)
  }

  #remove(peer: SessionPeer): void {
    if (this.#peers.get(peer.key) !== peer) return
    this.#peers.delete(peer.key)
    this.#events.left(peer)
  }
}
