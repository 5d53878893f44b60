import type { PeerId } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { HostLimits } from './host-limits.ts'
import { peerKeyOf } from './peer-addresses.ts'

export interface TableKeeperComponents {
  readonly clock: Clock
  readonly log: Log
  /** The routing table of the DHT. */
  readonly table: { remove(peer: PeerId): Promise<void> }
  /** Connects with a peer at the addresses that are known of it. Throws when it is not there. */
  readonly dial: (peer: PeerId, signal: AbortSignal) => Promise<unknown>
}

/**
 * Takes the dead out of the routing table. kad-dht looks at a peer again only after ten minutes, and until then every query waits
 * for it: so a peer whose last connection has ended is dialled once, and is out when it does not answer.
 */
export class TableKeeper {
  readonly #c: TableKeeperComponents
  readonly #limits: HostLimits
  /** Peers that were dialled lately, the longest ago first: who comes and goes is not dialled each time. */
  readonly #dialledMs = new Map<string, number>()
  readonly #stopping = new AbortController()

  constructor(components: TableKeeperComponents, init: { limits: HostLimits }) {
    this.#c = components
    this.#limits = init.limits
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** The last connection with this peer has ended. */
  left(peer: PeerId): void {
    const { clock } = this.#c
    const key = peerKeyOf(peer)
    const nowMs = clock.monotonic()
    for (const [other, dialledMs] of this.#dialledMs) {
      if (nowMs - dialledMs < this.#limits.deadCheckPauseMs) break
      this.#dialledMs.delete(other)
    }
    if (this.#stopping.signal.aborted || this.#dialledMs.has(key)) return
    if (this.#dialledMs.size >= this.#limits.dialQueueMax) return
    this.#dialledMs.set(key, nowMs)
    clock.after(this.#limits.deadCheckDelayMs, () => void this.#check(peer))
  }

  async #check(peer: PeerId): Promise<void> {
    const stopping = this.#stopping.signal
    if (stopping.aborted) return
    const { dial, table, log } = this.#c
    try {
      await dial(peer, AbortSignal.any([stopping, AbortSignal.timeout(this.#limits.deadCheckTimeoutMs)]))
    } catch {
      // What is known of others is kept for the next start.
      if (stopping.aborted) return
      log.debug({ peer: peerKeyOf(peer) }, 'a peer of the DHT has gone')
      await table.remove(peer).catch((error: unknown) => {
        if (!stopping.aborted) log.debug({ err: error }, 'a peer could not be taken out of the routing table')
      })
    }
  }
}
