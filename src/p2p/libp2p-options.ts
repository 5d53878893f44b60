import { yamux } from '@chainsafe/libp2p-yamux'
import { type Identify, identify } from '@libp2p/identify'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { type KadDHT, type KadDHTComponents, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { LevelDatastore } from 'datastore-level'
import type { Libp2p, Libp2pOptions } from 'libp2p'
import { gatedComponents } from './gated-components.ts'
import { gatheringNoise } from './gathering-noise.ts'
import type { HostLimits } from './host-limits.ts'
import { noiseCrypto } from './noise-crypto.ts'
import type { PassGate } from './pass-gate.ts'
import { announceable } from './peer-addresses.ts'
import type { SharedPort } from './shared-port.ts'

/** Of a private network: peers of the public IPFS network do not even understand the first word. */
export const DHT_PROTOCOL = '/bootswarm/kad/1'
const PROTOCOL_PREFIX = 'bootswarm'

interface RoutingTable {
  find(peer: PeerId): Promise<PeerId | undefined>
  remove(peer: PeerId): Promise<void>
}

/** The routing table that kad-dht has: its type leaves out what changes it. */
export type TableDht = KadDHT & { readonly routingTable: RoutingTable }
export type HostServices = { identify: Identify; ping: Ping; dht?: TableDht }
export type HostLibp2p = Libp2p<HostServices>

export interface Libp2pOptionsInit {
  privateKey: PrivateKey
  listen: string[]
  announce: string[]
  withDht: boolean
  datastore: LevelDatastore | undefined
  gate: PassGate
  port: SharedPort
  limits: HostLimits
}

/** Options of libp2p with every limit said. */
export function libp2pOptions(init: Libp2pOptionsInit): Libp2pOptions<HostServices> {
  const { limits, gate } = init
  return {
    privateKey: init.privateKey,
    addresses: { listen: init.listen, announce: init.announce, announceFilter: announceable },
    start: false,
    transports: [init.port.transport(tcp(tcpOptions(limits)))],
    connectionEncrypters: [gatheringNoise({ crypto: noiseCrypto })],
    streamMuxers: [yamux(yamuxOptions(limits))],
    connectionManager: connectionManagerOptions(limits),
    connectionGater: { denyDialPeer: () => !gate.open },
    connectionMonitor: {
      protocolPrefix: PROTOCOL_PREFIX,
      pingInterval: limits.pingIntervalMs,
      pingTimeout: { minTimeout: limits.pingTimeoutMs },
    },
    peerStore: { maxAddressAge: limits.peerAddressAgeMs, maxPeerAge: limits.peerAgeMs },
    ...(init.datastore === undefined ? {} : { datastore: init.datastore }),
    services: {
      identify: identify({ protocolPrefix: PROTOCOL_PREFIX, maxMessageSize: limits.identifyBytesMax }),
      ping: ping({
        protocolPrefix: PROTOCOL_PREFIX,
        timeout: limits.pingTimeoutMs,
        maxInboundStreams: limits.pingsPerConnectionMax,
        maxOutboundStreams: limits.pingsPerConnectionMax,
      }),
      ...(init.withDht ? { dht: gatedDht(limits, gate) } : {}),
    },
  }
}

function tcpOptions(limits: HostLimits): Parameters<typeof tcp>[0] {
  const socket = { noDelay: true, keepAlive: true, highWaterMark: limits.socketBufferBytes }
  return {
    inboundSocketInactivityTimeout: limits.socketIdleTimeoutMs,
    outboundSocketInactivityTimeout: limits.socketIdleTimeoutMs,
    backlog: limits.listenBacklog,
    dialOpts: socket,
    listenOpts: socket,
  }
}

function yamuxOptions(limits: HostLimits): Parameters<typeof yamux>[0] {
  return {
    maxInboundStreams: limits.streamsPerConnectionMax,
    maxOutboundStreams: limits.streamsPerConnectionMax,
    maxEarlyStreams: limits.streamsPerConnectionMax,
    keepAliveInterval: limits.pingIntervalMs,
    streamOptions: {
      maxStreamWindowSize: limits.windowBytes,
      maxReadBufferLength: limits.readBufferBytesMax,
      maxWriteBufferLength: limits.sendQueueBytesMax,
    },
  }
}

function connectionManagerOptions(limits: HostLimits): NonNullable<Libp2pOptions['connectionManager']> {
  return {
    maxConnections: limits.connectionsMax,
    inboundConnectionThreshold: limits.inboundPerSecondAndAddressMax,
    maxIncomingPendingConnections: limits.inboundPendingMax,
    maxParallelDials: limits.parallelDialsMax,
    maxDialQueueLength: limits.dialQueueMax,
    maxPeerAddrsToDial: limits.addressesPerPeerMax,
    dialTimeout: limits.dialTimeoutMs,
    addressDialTimeout: limits.addressDialTimeoutMs,
    connectionCloseTimeout: limits.closeTimeoutMs,
    inboundUpgradeTimeout: limits.inboundUpgradeTimeoutMs,
    outboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
    inboundStreamProtocolNegotiationTimeout: limits.negotiationTimeoutMs,
    reconnectRetries: 0,
  }
}

function gatedDht(limits: HostLimits, gate: PassGate): (components: KadDHTComponents) => TableDht {
  const make = kadDHT(dhtOptions(limits)) as (components: KadDHTComponents) => TableDht
  const { recordValidityMs } = limits
  return (components) => make(gatedComponents(components, { gate, recordValidityMs }))
}

/**
 * `clientMode` is said because the default ends in client mode on private addresses, and the mapper because the default
 * drops private addresses: both leave the routing table silently empty. `providers.provideValidity` is ignored by
 * kad-dht; `reprovide` counts. What it would renew by itself is hidden from it (own-records.ts).
 */
function dhtOptions(limits: HostLimits): Parameters<typeof kadDHT>[0] {
  return {
    protocol: DHT_PROTOCOL,
    clientMode: false,
    peerInfoMapper: passthroughMapper,
    maxInboundStreams: limits.dhtStreamsPerConnectionMax,
    maxOutboundStreams: limits.dhtStreamsPerConnectionMax,
    reprovide: {
      concurrency: 1,
      validity: limits.recordValidityMs,
      threshold: limits.recordRenewMs,
      interval: limits.recordIntervalMs,
    },
  }
}
