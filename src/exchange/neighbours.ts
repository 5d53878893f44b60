import type { CallOptions } from '../core/blockstore.ts'
import type { ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, BusyError, GrantError, ProtocolError } from '../core/errors.ts'
import { SESSION_ADDRESSES_MAX } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { Labels } from '../core/nearness.ts'
import type { Random } from '../core/random.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { Connection } from './connection.ts'
import { DialQueue } from './dial-queue.ts'
import { retryMsOf } from './peer-want.ts'
import { NeighbourPolicy } from './policy/neighbour-policy.ts'
import { SessionPeer } from './session-peer.ts'

export interface NeighbourComponents {
  clock: Clock
  log: Log
  random: Random
  connect(address: PeerAddress, options?: CallOptions): Promise<Connection>
  /** The current grant. */
  grant(): string
  /** Where a peer is, by its pass; undefined before it has shown one. */
  labelsOf(peer: PeerKey): Labels | undefined
}

export interface NeighbourEvents {
  joined(peer: SessionPeer): void
  left(peer: SessionPeer): void
}

export interface NeighbourInit {
  readonly manifest: ManifestId
  /** Of this peer. */
  readonly labels: Labels
  /** Somebody waits for the first bytes: few are dialled before the others. */
  readonly isUrgent: boolean
  readonly events: NeighbourEvents
}

/** The neighbours of one session, as the policy decides: dials, joins, leaves. */
export class Neighbours {
  readonly #components: NeighbourComponents
  readonly #init: NeighbourInit
  readonly #policy: NeighbourPolicy
  readonly #peers = new Map<PeerKey, SessionPeer>()
  /** Where to dial, the longest unheard of first. */
  readonly #addresses = new Map<PeerKey, PeerAddress>()
  readonly #queue: DialQueue
  #closed = false

  constructor(components: NeighbourComponents, init: NeighbourInit) {
    this.#components = components
    this.#init = init
    this.#policy = new NeighbourPolicy({ random: components.random }, { labels: init.labels })
    this.#queue = new DialQueue(components)
    if (!init.isUrgent) this.#queue.hurry()
  }

  get all(): SessionPeer[] {
    return [...this.#peers.values()]
  }

  get size(): number {
    return this.#peers.size
  }

  get banned(): string[] {
    return this.#policy.banned
  }

  has(peer: PeerKey): boolean {
    return this.#peers.has(peer)
  }

  of(connection: Connection): SessionPeer | undefined {
    const peer = this.#peers.get(connection.peer)
    return peer?.connection === connection ? peer : undefined
  }

  /** Learns of peers; dials those that the policy wants. */
  learn(addresses: readonly PeerAddress[]): void {
    for (const address of addresses) {
      this.#addresses.delete(address.peer)
      this.#addresses.set(address.peer, address)
      this.#policy.learn(address)
    }
    for (const peer of this.#addresses.keys()) {
      if (this.#addresses.size <= SESSION_ADDRESSES_MAX) break
      if (!this.#policy.isOrigin(peer)) this.#addresses.delete(peer)
    }
    this.#dial()
  }

  /** Dials whose time has come; parts with the least useful neighbour when it is time for that. */
  tick(): void {
    const least = this.#policy.rebalance(this.#nowMs, (key) => this.#bytesOf(key as PeerKey))
    const peer = least === undefined ? undefined : this.#peers.get(least as PeerKey)
    if (peer !== undefined) {
      this.#components.log.debug({ peer: peer.key }, 'parted with the least useful neighbour')
      this.#leave(peer)
      this.#remove(peer, { failed: false })
    }
    this.#dial()
  }

  /** A peer that has opened the swarm here: open it there. */
  welcome(connection: Connection): void {
    if (this.#closed) return
    const { peer } = connection
    const labels = this.#components.labelsOf(peer)
    if (!this.#policy.welcome({ peer, labels }, this.#nowMs)) return
    void this.#join(peer, async () => connection)
  }

  /** The connection has ended. */
  lost(connection: Connection): void {
    const peer = this.of(connection)
    if (peer !== undefined) this.#remove(peer, { failed: true })
  }

  /** Drops a peer for the rest of the session. */
  ban(peer: SessionPeer, reason: Error): void {
    this.#components.log.warn({ peer: peer.key, err: reason.message }, 'dropped a peer for this session')
    this.#policy.ban(peer.key)
    peer.connection.drop(reason)
    this.#remove(peer, { failed: true })
  }

  /** Drops a peer that may come back. */
  release(peer: SessionPeer, reason: Error): void {
    if (this.#peers.get(peer.key) !== peer) return
    this.#remove(peer, { failed: true })
    peer.connection.drop(reason)
  }

  /** The peer has given its place in the swarm to another; the connection stays for what it wants here. */
  dismissed(peer: SessionPeer): void {
    this.#remove(peer, { failed: false })
  }

  renew(grant: string): void {
    for (const peer of this.#peers.values()) peer.connection.send({ type: 'renew', id: peer.id, grant })
  }

  close(): void {
    this.#closed = true
    this.#queue.stop()
    for (const peer of this.#peers.values()) this.#leave(peer)
    this.#peers.clear()
  }

  get #nowMs(): number {
    return this.#components.clock.monotonic()
  }

  #bytesOf(key: PeerKey): number {
    const connection = this.#peers.get(key)?.connection
    return connection === undefined ? 0 : connection.wireReceivedBytes + connection.wireSentBytes
  }

  #dial(): void {
    if (this.#closed) return
    const keys = this.#policy.dials(this.#nowMs)
    // One that is no origin comes first: it is nearby, and spares the origin.
    const nearest = keys.findIndex((key) => !this.#policy.isOrigin(key))
    if (nearest > 0) keys.unshift(...keys.splice(nearest, 1))
    this.#queue.add(keys.map((key) => () => this.#call(key as PeerKey)))
  }

  #call(key: PeerKey): void {
    const address = this.#addresses.get(key)
    if (address === undefined) this.#policy.left(key, this.#nowMs, { failed: true })
    else void this.#join(key, () => this.#components.connect(address))
  }

  async #join(key: PeerKey, connect: () => Promise<Connection>): Promise<void> {
    try {
      const connection = await connect()
      const hello = connection.hello()
      // Who has proved nothing yet is told of no image; else the swarm is opened in the same breath.
      if (!connection.mayOpen) await hello
      const opening = connection.open(this.#init.manifest, this.#components.grant())
      const [{ credit }, opened] = await Promise.all([hello, opening])
      const labels = this.#components.labelsOf(key)
      const peer = new SessionPeer({ connection, origin: this.#policy.isOrigin(key), opened, credit })
      if (this.#closed) return this.#leave(peer)
      if (connection.closed) return this.#policy.left(key, this.#nowMs, { failed: true })
      this.#policy.joined(key, this.#nowMs, labels)
      this.#peers.set(key, peer)
      this.#init.events.joined(peer)
    } catch (error) {
      this.#failed(key, error)
    }
  }

  #leave(peer: SessionPeer): void {
    peer.connection.send({ type: 'leave', id: peer.id, byOpener: true })
  }

  #failed(key: PeerKey, error: unknown): void {
    this.#queue.hurry()
    const retryMs = retryMsOf(error)
    this.#policy.left(key, this.#nowMs, { failed: true, refused: error instanceof GrantError, retryMs })
    if (!(error instanceof BootswarmError)) {
      this.#components.log.error({ peer: key, err: error }, 'could not join a peer')
      return
    }
    if (error instanceof ProtocolError) this.#policy.ban(key)
    const level = error instanceof GrantError || error instanceof BusyError ? 'debug' : 'info'
    this.#components.log[level]({ peer: key, err: error.message }, 'could not join a peer')
    // Another one may have the place at once.
    this.#dial()
  }

  #remove(peer: SessionPeer, { failed }: { failed: boolean }): void {
    if (this.#peers.get(peer.key) !== peer) return
    this.#peers.delete(peer.key)
    this.#policy.left(peer.key, this.#nowMs, { failed })
    this.#init.events.left(peer)
    this.#dial()
  }
}
