import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { HostLimits } from './host-limits.ts'

interface BootstrapComponents {
  clock: Clock
  log: Log
  random: Random
  /** Peers of the DHT that are connected now. */
  connected: () => ReadonlySet<PeerKey>
  dial: (peer: PeerAddress, signal: AbortSignal) => Promise<void>
}

/**
 * Keeps a host in touch with the DHT. A connection of libp2p and what the DHT asks over it cost both sides more CPU than a channel of the
 * exchange, so in a mass boot everybody's blocks would wait for it: peers that are heard of are dialled some time later, a few at once
 * while none is connected and then one by one up to `dhtPeersMin`. Who has a question for the DHT does not wait (`reach`).
 */
export class Bootstrap {
  readonly #components: BootstrapComponents
  readonly #limits: HostLimits
  /** The longest untried first. */
  readonly #peers = new Map<PeerKey, PeerAddress>()
  #stop: AbortController | undefined
  #cancel: (() => void) | undefined
  #reaching: Promise<void> | undefined
  #arrival = Promise.withResolvers<void>()

  constructor(components: BootstrapComponents, init: { limits: HostLimits }) {
    this.#components = components
    this.#limits = init.limits
  }

  /** Peers that could be dialled, the last heard of first. */
  get known(): PeerAddress[] {
    return [...this.#peers.values()].reverse()
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
    // who knew nobody has been waiting for nothing
    if (this.#stop !== undefined && this.#cancel === undefined && this.#peers.size > 0) {
      const { introducedDelayMs, bootstrapIntervalMs } = this.#limits
      this.#schedule(introducedDelayMs + bootstrapIntervalMs * this.#components.random(), this.#stop.signal)
    }
  }

  /** Dials those that are known already at once. */
  start(): void {
    this.#stop = new AbortController()
    if (this.#peers.size > 0) void this.#round(this.#stop.signal)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
    this.#cancel?.()
    this.#cancel = undefined
    this.#arrival.resolve()
  }

  /** A peer of the DHT has been connected. */
  arrived(): void {
    this.#arrival.resolve()
    this.#arrival = Promise.withResolvers()
  }

  /** Connects with the DHT now, if anybody is known of it. Does not throw: whoever is connected then is. */
  async reach(): Promise<void> {
    const signal = this.#stop?.signal
    if (signal === undefined || this.#components.connected().size > 0) return
    this.#reaching ??= this.#reach(signal).finally(() => {
      this.#reaching = undefined
    })
    await this.#reaching
  }

  #schedule(delayMs: number, signal: AbortSignal): void {
    this.#cancel = this.#components.clock.after(delayMs, () => void this.#round(signal))
  }

  async #round(signal: AbortSignal): Promise<void> {
    this.#cancel?.()
    this.#schedule(this.#limits.bootstrapIntervalMs, signal)
    const connected = this.#components.connected()
    if (connected.size === 0) return await this.reach()
    if (connected.size >= this.#limits.dhtPeersMin) return
    const [next] = this.#next(1)
    if (next !== undefined) await this.#dial(next, signal)
  }

  /** A few at once, until one of them takes part in the DHT. */
  async #reach(signal: AbortSignal): Promise<void> {
    const { connected, clock } = this.#components
    const { bootstrapParallelMax, negotiationTimeoutMs } = this.#limits
    for (let left = this.#peers.size; left > 0; left -= bootstrapParallelMax) {
      const arrival = this.#arrival.promise
      const peers = this.#next(bootstrapParallelMax)
      const dialled = await Promise.all(peers.map((peer) => this.#dial(peer, signal)))
      if (signal.aborted) return
      if (connected().size > 0) return
      if (!dialled.includes(true)) continue
      // what protocols a peer has is told after the handshake, and passes are shown
      const late = Promise.withResolvers<void>()
      const cancel = clock.after(negotiationTimeoutMs, late.resolve)
      await Promise.race([arrival, late.promise]).finally(cancel)
      if (connected().size > 0) return
    }
  }

  /** The longest untried ones that are not connected; they go to the end. */
  #next(count: number): PeerAddress[] {
    const connected = this.#components.connected()
    const next: PeerAddress[] = []
    for (const peer of this.#peers.values()) {
      if (next.length === count) break
      if (!connected.has(peer.peer)) next.push(peer)
    }
    for (const peer of next) {
      this.#peers.delete(peer.peer)
      this.#peers.set(peer.peer, peer)
    }
    return next
  }

  /** Whether somebody has answered. */
  async #dial(peer: PeerAddress, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#components.dial(
        peer,
        AbortSignal.any([signal, AbortSignal.timeout(this.#limits.dialTimeoutMs)]),
      )
      return true
    } catch (error) {
      if (!signal.aborted)
        this.#components.log.debug({ peer: peer.peer, err: error }, 'bootstrap peer not reached')
      return false
    }
  }
}
