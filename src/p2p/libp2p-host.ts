import type { Socket } from 'node:net'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { createLibp2p } from 'libp2p'
import type { Admission } from '../core/admission.ts'
import type { CallOptions } from '../core/blockstore.ts'
import { type Carrier, type Channel, EXCHANGE_PROTOCOL } from '../core/carrier.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import type { ContentRouting } from '../core/content-routing.ts'
import { BusyError, StateError } from '../core/errors.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import { Bootstrap } from './bootstrap.ts'
import { DhtContentRouting } from './dht-content-routing.ts'
import { dialError } from './dial-errors.ts'
import { admittedOnly } from './gated-components.ts'
import { type HostLimits, hostLimits } from './host-limits.ts'
import { DHT_PROTOCOL, type HostLibp2p, libp2pOptions } from './libp2p-options.ts'
import { listenError } from './listen-errors.ts'
import { PassGate } from './pass-gate.ts'
import { addressText, dialableAddresses, parsePeer, peerKeyOf } from './peer-addresses.ts'
import { SharedPort } from './shared-port.ts'
import { StreamChannel } from './stream-channel.ts'
import { TableKeeper } from './table-keeper.ts'

/** A few thousand provider records: LevelDB's 12 MiB of caches would be memory for nothing. */
const LEVEL_OPTIONS = { cacheSize: 1024 ** 2, writeBufferSize: 1024 ** 2 }

export interface HostInit {
  /** Ed25519 key as libp2p's protobuf, what `loadOrCreatePeerKey` returns. */
  privateKey: Uint8Array
  /** Multiaddrs to listen on; port 0 takes any free one. Empty: only dials. */
  listen: string[]
  /** Multiaddrs to tell others instead of those listened on. */
  announce?: string[]
  /** Takes part in the DHT, as a server. Without `datastoreDir` its records live in memory. */
  dht?: { datastoreDir?: string; bootstrap: readonly PeerAddress[] }
  limits?: Partial<HostLimits>
}

interface HostComponents {
  log: Log
  admission: Admission
  clock?: Clock
  random?: Random
}

interface HostParts {
  libp2p: HostLibp2p
  datastore: LevelDatastore | undefined
  gate: PassGate
  port: SharedPort
  limits: HostLimits
  log: Log
  clock: Clock
  random: Random
}

/** A libp2p host that is made but not started. Throws RangeError when limits contradict each other. */
export async function createHost(components: HostComponents, init: HostInit): Promise<Libp2pHost> {
  const limits = hostLimits(init.limits)
  const dir = init.dht?.datastoreDir
  const datastore = dir === undefined ? undefined : new LevelDatastore(dir, LEVEL_OPTIONS)
  await datastore?.open()
  const { log, admission, clock = systemClock, random = Math.random } = components
  const gate = new PassGate({ log, admission, clock }, { limits })
  const port = new SharedPort({ clock }, { limits })
  try {
    const libp2p: HostLibp2p = await createLibp2p(
      libp2pOptions({
        privateKey: privateKeyFromProtobuf(init.privateKey),
        listen: init.listen,
        announce: init.announce ?? [],
        withDht: init.dht !== undefined,
        datastore,
        gate,
        port,
        limits,
      }),
    )
    const host = new Libp2pHost({ libp2p, datastore, gate, port, limits, log, clock, random })
    host.introduce(init.dht?.bootstrap ?? [])
    return host
  } catch (error) {
    await datastore?.close()
    throw error
  }
}

/** The peer of a program: identity, connections, channels of the exchange, DHT. */
export class Libp2pHost implements Carrier, Lifecycle {
  readonly self: PeerKey
  /** Undefined when the host was made without a DHT. */
  readonly contentRouting: ContentRouting | undefined
  readonly #parts: HostParts
  readonly #bootstrap: Bootstrap
  readonly #keeper: TableKeeper | undefined
  readonly #dhtPeers = new Set<PeerKey>()
  #handler: ((channel: Channel) => void) | undefined
  #stopped: Promise<void> | undefined

  constructor(parts: HostParts) {
    this.#parts = parts
    const { libp2p, limits, clock, random, log } = parts
    this.self = peerKeyOf(libp2p.peerId)
    const connectedPeers = () => this.#dhtPeers.size
    const dht = libp2p.services.dht
    const dial = async (peer: PeerAddress, signal: AbortSignal) => void (await this.#connect(peer, signal))
    this.#bootstrap = new Bootstrap({ clock, log, random, connected: () => this.#dhtPeers, dial }, { limits })
    if (dht !== undefined) {
      const reach = () => this.#bootstrap.reach()
      this.contentRouting = new DhtContentRouting(
        { dht, self: libp2p.peerId, connectedPeers, reach },
        { limits },
      )
      const again = (peer: PeerId, signal: AbortSignal) => libp2p.dial(peer, { signal })
      this.#keeper = new TableKeeper({ clock, log, table: dht.routingTable, dial: again }, { limits })
    }
  }

  /** Throws ConfigError when it cannot listen. */
  async start(): Promise<void> {
    if (this.#stopped !== undefined) throw new StateError('a stopped host does not start again')
    const { libp2p, gate, log } = this.#parts
    await gate.start(libp2p)
    const topology = {
      onConnect: (peer: PeerId) => {
        this.#dhtPeers.add(peerKeyOf(peer))
        this.#bootstrap.arrived()
      },
      onDisconnect: (peer: PeerId) => {
        if (this.#dhtPeers.delete(peerKeyOf(peer))) this.#keeper?.left(peer)
      },
    }
    await libp2p.register(DHT_PROTOCOL, admittedOnly(topology, gate))
    try {
      await libp2p.start()
    } catch (error) {
      throw listenError(error)
    }
    if (libp2p.services.dht !== undefined) this.#bootstrap.start()
    log.info({ peer: this.self, addresses: this.addresses() }, 'host started')
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  addresses(): string[] {
    return this.#parts.libp2p.getMultiaddrs().map(addressText)
  }

  /** Peers that are connected now. */
  peers(): PeerKey[] {
    return this.#parts.libp2p.getPeers().map(peerKeyOf)
  }

  /** Connections that are open now. */
  connections(): number {
    return this.#parts.libp2p.getConnections().length
  }

  /** Peers of the DHT that are connected now. */
  dhtPeers(): PeerKey[] {
    return [...this.#dhtPeers]
  }

  /** Peers in the routing table of the DHT. */
  async tablePeers(): Promise<PeerKey[]> {
    const { libp2p } = this.#parts
    const table = libp2p.services.dht?.routingTable
    const peers = await libp2p.peerStore.all()
    const found = await Promise.all(peers.map(async ({ id }) => await table?.find(id)))
    return found.flatMap((peer) => (peer === undefined ? [] : [peerKeyOf(peer)]))
  }

  /** Those that are connected, with the addresses that are known of them; then others that were heard of. */
  async dhtAddresses(): Promise<PeerAddress[]> {
    const { peerStore } = this.#parts.libp2p
    const known = this.dhtPeers().map(async (peer): Promise<PeerAddress> => {
      const { addresses } = await peerStore.get(parsePeer(peer))
      return { peer, addresses: addresses.map(({ multiaddr }) => addressText(multiaddr)) }
    })
    const peers = await Promise.allSettled(known)
    const connected = peers.flatMap((one) =>
      one.status === 'fulfilled' && one.value.addresses.length > 0 ? [one.value] : [],
    )
    const others = this.#bootstrap.known
      .filter(({ peer }) => !this.#dhtPeers.has(peer))
      .map(({ peer, addresses }) => ({ peer, addresses }))
    return [...connected, ...others]
  }

  /** Peers by which this host may find into the DHT; they are dialled some time later. */
  introduce(peers: readonly PeerAddress[]): void {
    this.#bootstrap.add(peers.filter((peer) => peer.peer !== this.self))
  }

  async open(address: PeerAddress, options: CallOptions = {}): Promise<Channel> {
    const { limits } = this.#parts
    const timeout = AbortSignal.timeout(limits.dialTimeoutMs)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
    try {
      const connection = await this.#connect(address, signal)
      const stream = await connection.newStream(EXCHANGE_PROTOCOL, { signal })
      return this.#channel(stream, connection)
    } catch (error) {
      throw dialError(error, address.peer, options.signal)
    }
  }

  /** Until then nobody is told that the protocol exists here. */
  accept(handler: (channel: Channel) => void): void {
    const { libp2p, limits, log } = this.#parts
    const first = this.#handler === undefined
    this.#handler = handler
    if (!first) return
    const streams = {
      maxInboundStreams: limits.channelsPerConnectionMax,
      maxOutboundStreams: limits.channelsPerConnectionMax,
    }
    libp2p
      .handle(EXCHANGE_PROTOCOL, (stream, connection) => this.#onStream(stream, connection), streams)
      .catch((error: unknown) => log.error({ err: error }, 'cannot accept channels'))
  }

  /** Connections to the port of this host that speak TLS; closed while nobody takes them. */
  takeTls(handler: ((socket: Socket) => void) | undefined): void {
    this.#parts.port.onTls = handler
  }

  /** Addresses of a peer that this host has heard of, in the DHT or from the peer itself. */
  async knownAddresses(peer: PeerKey): Promise<Multiaddr[]> {
    const { libp2p, limits } = this.#parts
    const id = parsePeer(peer)
    if (!(await libp2p.peerStore.has(id))) return []
    const { addresses } = await libp2p.peerStore.get(id)
    return addresses.slice(0, limits.addressesPerPeerMax).map(({ multiaddr }) => multiaddr)
  }

  /** libp2p returns a connection that exists and joins a dial that is under way. */
  #connect(address: PeerAddress, signal: AbortSignal): Promise<Connection> {
    const { libp2p, limits } = this.#parts
    const peer = parsePeer(address.peer)
    const addresses = dialableAddresses(address, limits.addressesPerPeerMax)
    return libp2p.dial(addresses.length > 0 ? addresses : peer, { signal })
  }

  #onStream(stream: Stream, connection: Connection): void {
    if (this.#handler === undefined || this.#stopped !== undefined) {
      stream.abort(new BusyError('not ready to accept channels'))
      return
    }
    this.#handler(this.#channel(stream, connection))
  }

  #channel(stream: Stream, connection: Connection): StreamChannel {
    const { limits, clock } = this.#parts
    const inbound = stream.direction === 'inbound'
    return new StreamChannel({ stream, clock }, { peer: peerKeyOf(connection.remotePeer), inbound, limits })
  }

  /** Connections first: libp2p stops everything at once, and its listener drops what inbound sockets have queued. */
  async #stop(): Promise<void> {
    this.#bootstrap.stop()
    this.#keeper?.stop()
    const { libp2p, gate, port, log, limits } = this.#parts
    gate.stop()
    port.stop()
    const signal = AbortSignal.timeout(limits.closeTimeoutMs)
    const closing = libp2p.getConnections().map(async (connection) => {
      try {
        await connection.close({ signal })
      } catch (error) {
        log.debug({ peer: peerKeyOf(connection.remotePeer), err: error }, 'connection did not close in time')
      }
    })
    await Promise.all(closing)
    await libp2p.stop()
    await this.#parts.datastore?.close()
  }
}
