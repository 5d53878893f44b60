import type { PeerId, PeerInfo } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import type { CallOptions } from '../core/blockstore.ts'
import { type Digest, nodeCid } from '../core/cid.ts'
import type { ContentRouting } from '../core/content-routing.ts'
import { AbortedError, TimeoutError, UnreachableError } from '../core/errors.ts'
import type { PeerAddress } from '../core/router.ts'
import type { HostLimits } from './host-limits.ts'
import { addressText, peerKeyOf } from './peer-addresses.ts'

interface DhtContentRoutingComponents {
  dht: KadDHT
  self: PeerId
  /** Peers of the table that are connected now. */
  connectedPeers: () => number
  /** Connects with the DHT when nobody of it is connected. Does not throw. */
  reach: () => Promise<void>
}

/** Provider records over kad-dht. */
export class DhtContentRouting implements ContentRouting {
  readonly #dht: KadDHT
  readonly #self: PeerId
  readonly #connectedPeers: () => number
  readonly #reach: () => Promise<void>
  readonly #limits: HostLimits

  constructor(components: DhtContentRoutingComponents, init: { limits: HostLimits }) {
    this.#dht = components.dht
    this.#self = components.self
    this.#connectedPeers = components.connectedPeers
    this.#reach = components.reach
    this.#limits = init.limits
  }

  async provide(key: Digest, options: CallOptions = {}): Promise<void> {
    this.#assertConnected()
    let stored = 0
    await this.#run(options, async (signal) => {
      for await (const event of this.#dht.provide(nodeCid(key), { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') stored++
      }
    })
    if (stored === 0) throw new UnreachableError('no peer of the DHT took the record')
  }

  async withdraw(key: Digest, options: CallOptions = {}): Promise<void> {
    await this.#dht.cancelReprovide(nodeCid(key), options)
  }

  async *findProviders(key: Digest, options: CallOptions = {}): AsyncGenerator<PeerAddress> {
    await this.#reach()
    this.#assertConnected()
    const deadline = this.#deadline(options)
    const seen = new Set<string>([this.#self.toString()])
    try {
      for await (const event of this.#dht.findProviders(nodeCid(key), { signal: deadline })) {
        if (event.name !== 'PROVIDER') continue
        for (const provider of event.providers) {
          if (seen.has(provider.id.toString())) continue
          seen.add(provider.id.toString())
          yield this.#peerAddress(provider)
        }
      }
    } catch (error) {
      throw dhtError(error, deadline, options)
    }
  }

  async #run(options: CallOptions, operation: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const deadline = this.#deadline(options)
    try {
      await operation(deadline)
    } catch (error) {
      throw dhtError(error, deadline, options)
    }
  }

  #deadline(options: CallOptions): AbortSignal {
    const timeout = AbortSignal.timeout(this.#limits.dhtQueryTimeoutMs)
    return options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
  }

  /** kad-dht would wait for a first peer until the deadline. */
  #assertConnected(): void {
    if (this.#connectedPeers() === 0) throw new UnreachableError('no peer of the DHT is connected')
  }

  #peerAddress(provider: PeerInfo): PeerAddress {
    const addresses = provider.multiaddrs.slice(0, this.#limits.addressesPerPeerMax).map(addressText)
    return { peer: peerKeyOf(provider.id), addresses }
  }
}

function dhtError(cause: unknown, deadline: AbortSignal, options: CallOptions): unknown {
  if (options.signal?.aborted === true) return new AbortedError('stopped on request', { cause })
  if (deadline.aborted) return new TimeoutError('the DHT did not answer in time', { cause })
  return cause
}
