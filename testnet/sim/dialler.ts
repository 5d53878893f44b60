import { EXCHANGE_HELLO_TIMEOUT_MS } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Directory, Resident } from './directory.ts'
import type { EventQueue } from './events.ts'
import type { Network } from './network.ts'
import type { Client } from './service.ts'

/** TCP, TLS or noise, and hello before a swarm can be opened. */
const CONNECT_ROUND_TRIPS = 4

export interface DiallerComponents {
  readonly queue: EventQueue
  readonly network: Network
  readonly directory: Directory
  readonly client: Client
}

/** Opens the swarm at other peers: with a handshake where there is no connection yet, and with a deadline. */
export class Dialler {
  readonly #components: DiallerComponents
  readonly #handshakeMs: number
  /** Attempts under way, by number, so that the deadline of an earlier one is known. */
  readonly #dials = new Map<PeerKey, number>()
  readonly #connected = new Set<PeerKey>()
  #attempts = 0

  /** `handshakeMs`: CPU time of both sides of a new connection. */
  constructor(components: DiallerComponents, init: { handshakeMs: number }) {
    this.#components = components
    this.#handshakeMs = init.handshakeMs
  }

  /** There is a connection to the peer. */
  connected(peer: PeerKey): void {
    this.#connected.add(peer)
  }

  /** The peer has answered; false when nobody waits for that any more. */
  settle(peer: PeerKey): boolean {
    return this.#dials.delete(peer)
  }

  stop(): void {
    this.#dials.clear()
  }

  open(peer: PeerKey): void {
    const { network, queue, directory, client } = this.#components
    const attempt = ++this.#attempts
    this.#dials.set(peer, attempt)
    const far = directory.find(peer)
    const roundTripMs = 2 * network.delayMs(client.host, far.host)
    const isNew = !this.#connected.has(peer)
    const beforeMs = isNew ? roundTripMs * CONNECT_ROUND_TRIPS + this.#handshakeMs : 0
    const arrive = { due: () => this.#arrive(far) }
    queue.after(beforeMs, () => network.message(client.host, far.host, arrive))
    queue.after(beforeMs + EXCHANGE_HELLO_TIMEOUT_MS, () => {
      if (this.#dials.get(peer) === attempt) client.refused(peer, 0)
    })
  }

  /** The open has reached the other peer. */
  #arrive(far: Resident): void {
    const { network, client } = this.#components
    if (far.alive) return far.uploads.open(client)
    this.#connected.delete(far.key)
    network.message(far.host, client.host, { due: () => client.refused(far.key, 0) })
  }
}
