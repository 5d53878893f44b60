import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { PeerAddress } from '../core/router.ts'
import type { HostLimits } from './host-limits.ts'

interface BootstrapComponents {
  clock: Clock
  log: Log
  /** Peers of the DHT that are connected now. */
  connectedPeers: () => number
  dial: (peer: PeerAddress, signal: AbortSignal) => Promise<void>
}

/** Keeps a host in touch with the DHT: dials known peers at start and again whenever no peer is left. */
export class Bootstrap {
  readonly #components: BootstrapComponents
  readonly #limits: HostLimits
  readonly #peers = new Map<string, PeerAddress>()
  #stop: AbortController | undefined
  #cancel: (() => void) | undefined

  constructor(components: BootstrapComponents, init: { limits: HostLimits }) {
    this.#components = components
    this.#limits = init.limits
  }

  /** Remembers peers to dial; the oldest are forgotten past `bootstrapPeersMax`. */
  add(peers: readonly PeerAddress[]): void {
    for (const peer of peers) {
      this.#peers.delete(peer.peer)
      this.#peers.set(peer.peer, peer)
    }
    for (const key of this.#peers.keys()) {
      if (this.#peers.size <= this.#limits.bootstrapPeersMax) break
      this.#peers.delete(key)
    }
    if (this.#stop !== undefined) void this.#round(this.#stop.signal)
  }

  start(): void {
    this.#stop = new AbortController()
    void this.#round(this.#stop.signal)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
    this.#cancel?.()
  }

  async #round(signal: AbortSignal): Promise<void> {
    this.#cancel?.()
    this.#cancel = this.#components.clock.after(
      this.#limits.bootstrapIntervalMs,
      () => void this.#round(signal),
    )
    if (this.#components.connectedPeers() > 0) return
    await Promise.all([...this.#peers.values()].map((peer) => this.#dial(peer, signal)))
  }

  async #dial(peer: PeerAddress, signal: AbortSignal): Promise<void> {
    try {
      await this.#components.dial(peer, signal)
    } catch (error) {
      if (!signal.aborted)
        this.#components.log.debug({ peer: peer.peer, err: error }, 'bootstrap peer not reached')
    }
  }
}
