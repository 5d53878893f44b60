import type { Clock } from '../core/clock.ts'
import { BusyError, GrantError, TimeoutError } from '../core/errors.ts'
import {
  CONNECTION_IDLE_MS,
  CONNECTION_LEFT_MS,
  EXCHANGE_CHANNELS_MAX,
  EXCHANGE_CHANNELS_PER_PEER_MAX,
  EXCHANGE_GRANT_TIMEOUT_MS,
} from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import type { Connection } from './connection.ts'
import type { Server } from './server.ts'

/** A connection and its serving side. */
export interface Link {
  readonly connection: Connection
  readonly server: Server
  /** Whether a swarm has ever been opened in it. */
  admitted: boolean
  usedMs: number
  /** Ends the wait for another use after a swarm was left. */
  cancelLeft: () => void
}

export interface LinkComponents {
  clock: Clock
  /** Whether the other side has a pass that is in force. */
  admits(connection: Connection): boolean
  /** Whether a session of ours has opened a swarm in the connection. */
  fetches(connection: Connection): boolean
}

/** The connections of an exchange: who may have one, and for how long when nobody uses it. */
export class Links {
  readonly #components: LinkComponents
  readonly #clock: Clock
  /** The oldest first. */
  readonly #links = new Map<Connection, Link>()
  readonly #byPeer = new Map<string, Set<Link>>()
  #cancelSweep = () => {}

  constructor(components: LinkComponents) {
    this.#components = components
    this.#clock = components.clock
  }

  get all(): Link[] {
    return [...this.#links.values()]
  }

  get(connection: Connection): Link | undefined {
    return this.#links.get(connection)
  }

  add(connection: Connection, server: Server): void {
    const usedMs = this.#clock.monotonic()
    const link = { connection, server, admitted: false, usedMs, cancelLeft: () => {} }
    this.#links.set(connection, link)
    const own = this.#byPeer.get(connection.peer) ?? new Set()
    this.#byPeer.set(connection.peer, own.add(link))
  }

  delete(connection: Connection): void {
    const link = this.#links.get(connection)
    if (link === undefined) return
    this.#links.delete(connection)
    link.cancelLeft()
    const own = this.#byPeer.get(connection.peer)
    own?.delete(link)
    if (own?.size === 0) this.#byPeer.delete(connection.peer)
  }

  /** Those with one peer: one usually, two while either side connects again. */
  of(peer: string): Link[] {
    return [...(this.#byPeer.get(peer) ?? [])]
  }

  /** The connection to a peer, for a session that is about to use it. */
  take(peer: PeerKey): Connection | undefined {
    for (const link of this.of(peer)) {
      if (link.connection.closed) continue
      link.usedMs = this.#clock.monotonic()
      return link.connection
    }
    return undefined
  }

  /** The other side was admitted to a swarm, or answered in one: nothing else counts as use. */
  used(connection: Connection): void {
    const link = this.#links.get(connection)
    if (link === undefined) return
    link.admitted = true
    link.usedMs = this.#clock.monotonic()
  }

  /** A swarm was left in the connection: it is closed soon when neither side uses it by then. */
  left(connection: Connection): void {
    const link = this.#links.get(connection)
    if (link === undefined) return
    const leftMs = this.#clock.monotonic()
    link.cancelLeft()
    link.cancelLeft = this.#clock.after(CONNECTION_LEFT_MS, () => {
      if (link.usedMs <= leftMs && !this.#isUsed(link)) void connection.close()
    })
  }

  /**
   * Whether a peer may open one more channel. Of its own the oldest gives way, of all the oldest that is of no use, so that strangers
   * keep nobody out.
   */
  makeRoom(peer: PeerKey): boolean {
    const inbound = this.all.filter(({ connection }) => connection.inbound)
    const own = inbound.filter(({ connection }) => connection.peer === peer)
    if (own.length >= EXCHANGE_CHANNELS_PER_PEER_MAX) {
      const oldest = own.find((link) => !this.#isUsed(link)) ?? own[0]
      oldest?.connection.drop(new BusyError('peer has opened another channel'))
    }
    if (this.#links.size < EXCHANGE_CHANNELS_MAX) return true
    const oldest = inbound.find((link) => !this.#isUsed(link))
    oldest?.connection.drop(new BusyError('too many channels'))
    return oldest !== undefined
  }

  /** Begins to close connections that nobody uses, and those of peers whose pass has ended. */
  start(): void {
    this.#cancelSweep = this.#clock.after(EXCHANGE_GRANT_TIMEOUT_MS / 3, () => this.start())
    const nowMs = this.#clock.monotonic()
    for (const link of this.all) {
      if (link.connection.greeted && !this.#components.admits(link.connection)) {
        link.connection.drop(new GrantError('the pass of the peer has ended'))
        continue
      }
      const idleMs = nowMs - link.usedMs
      if (idleMs < EXCHANGE_GRANT_TIMEOUT_MS || this.#isUsed(link)) continue
      if (!link.admitted) link.connection.drop(new TimeoutError('no swarm was opened in time'))
      else if (idleMs > CONNECTION_IDLE_MS) void link.connection.close()
    }
  }

  /** Drops every connection at once. */
  dropAll(reason: Error): void {
    for (const { connection } of this.all) connection.drop(reason)
  }

  async stop(): Promise<void> {
    this.#cancelSweep()
    await Promise.all(this.all.map(({ connection }) => connection.close()))
  }

  #isUsed({ connection, server }: Link): boolean {
    return server.admits || this.#components.fetches(connection)
  }
}
