/**
 * Every limit of the libp2p host, set on purpose: the defaults of libp2p are for the open internet, where strangers
 * come one by one. Here a rack of hypervisors comes at once, behind few addresses. Unit last, reason beside it.
 */

import { DHT_RECORD_VALIDITY_MS } from '../core/limits.ts'

const KiB = 1024
const MiB = 1024 * KiB

export interface HostLimits {
  /** Connections held at once. The tracker serves a thousand nodes; a node has about 12 neighbours and its DHT peers. */
  readonly connectionsMax: number
  /** New inbound connections per second from one address. libp2p's 5 refuses a mass boot behind one NAT or host. */
  readonly inboundPerSecondAndAddressMax: number
  /** Inbound connections in their handshake (about 10 ms of CPU each). libp2p's 10 refuses a mass boot. */
  readonly inboundPendingMax: number
  /** Connections that the kernel queues before the process has seen them. */
  readonly listenBacklog: number
  /** Dials at once: more only makes all of them slower. */
  readonly parallelDialsMax: number
  /** Dials that wait for their turn; past it a dial fails at once. */
  readonly dialQueueMax: number
  /** Addresses tried of one peer: interfaces of a hypervisor, and a bound on what a hostile record makes us dial. */
  readonly addressesPerPeerMax: number
  /** Time for one address, and for a dial with all its addresses. */
  readonly addressDialTimeoutMs: number
  readonly dialTimeoutMs: number
  /** Time for the handshake of an inbound connection: with 500 at once, the last waits for 5 s of CPU. */
  readonly inboundUpgradeTimeoutMs: number
  /** Time for a new connection to show a pass: all of a mass boot take their turn at one CPU. */
  readonly passTimeoutMs: number
  /** Interval of looking for peers whose pass has ended. */
  readonly passSweepIntervalMs: number
  /** Passes being shown in one connection and direction at once. */
  readonly passStreamsPerConnectionMax: number
  /** Connections that have shown no pass yet; past it the oldest is dropped. A mass boot comes at once. */
  readonly strangersMax: number
  /** Time for agreeing on the protocol of a stream. */
  readonly negotiationTimeoutMs: number
  /** Time for what is queued to leave when a channel closes: sendQueueBytesMax at 10 Mbit/s. */
  readonly flushTimeoutMs: number
  /** Time for all connections to close when the host stops. */
  readonly closeTimeoutMs: number
  /** Time that a channel closed on this side waits for the other side to close too. */
  readonly lingerTimeoutMs: number
  /**
   * Interval of pings, and time for the answer before a connection counts as dead: a ping waits behind 12 s of what fills the
   * windows. With one attempt to dial it again, a dead peer is out of the routing table within 30 s.
   */
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  /** Idle time of a socket before it is closed: several pings must have been missed. */
  readonly socketIdleTimeoutMs: number
  /** Pause before a peer of the DHT that has gone is dialled, once: one that starts again is there by then. */
  readonly deadCheckDelayMs: number
  /** Time for that. */
  readonly deadCheckTimeoutMs: number
  /** Pause before it is dialled for that again. */
  readonly deadCheckPauseMs: number
  /** Streams of one connection, all protocols: a few channels, DHT requests, identify and ping. */
  readonly streamsPerConnectionMax: number
  /** Exchange channels of one connection and direction: one is used, others are for a reconnect in progress. */
  readonly channelsPerConnectionMax: number
  /** Pings of one connection and direction at once: more than pingTimeoutMs / pingIntervalMs. */
  readonly pingsPerConnectionMax: number
  /** DHT streams of one connection and direction. */
  readonly dhtStreamsPerConnectionMax: number
  /** Receive window of a channel: bytes a sender may have under way. 4 MiB fill 10 Gbit/s at 3 ms. */
  readonly windowBytes: number
  /** Read buffer of a paused stream; must hold a whole window, else the stream is reset. */
  readonly readBufferBytesMax: number
  /** Received bytes waiting for their reader before the channel stops reading. */
  readonly receivePauseBytes: number
  /** Bytes sent piece by piece that are gathered into one frame, at most until the end of the running turn. */
  readonly coalesceBytes: number
  /** Bytes queued for sending past which `send` answers false, and past which the channel is aborted. */
  readonly sendPauseBytes: number
  readonly sendQueueBytesMax: number
  /** Buffer of a socket: at the default of 64 KiB, one noise message, each of them waits for a drain (5 % of CPU). */
  readonly socketBufferBytes: number
  /** Identify message: addresses and protocols of a peer. */
  readonly identifyBytesMax: number
  /**
   * Validity of DHT records; the rest of it at which kad-dht would renew them by itself (the announcing policy does that, see
   * own-records.ts); and how often it looks for what has expired and drops it.
   */
  readonly recordValidityMs: number
  readonly recordRenewMs: number
  readonly recordIntervalMs: number
  /** Age of addresses and of peers in the peer store; at least recordValidityMs, see docs of the DHT. */
  readonly peerAddressAgeMs: number
  readonly peerAgeMs: number
  /** Time for one DHT operation (40 RPCs, 100 ms on a quiet network). */
  readonly dhtQueryTimeoutMs: number
  /** Interval of looking whether any DHT peer is connected, else the bootstrap peers are dialled again. */
  readonly bootstrapIntervalMs: number
  /**
   * Pause before peers that are heard of are dialled for the DHT, for up to bootstrapIntervalMs longer so that a mass boot does not do it
   * all at once: by then most images of 128 MiB at 100 Mbit/s are there, and what failed to be announced is not yet tried again.
   */
  readonly introducedDelayMs: number
  /** Bootstrap peers dialled at once while none is connected: that some are dead costs no time, and a mass boot dials few. */
  readonly bootstrapParallelMax: number
  /** Peers of the DHT below which others that were heard of are dialled, one in each interval: enough for its queries to survive deaths. */
  readonly dhtPeersMin: number
  /** Peers remembered for bootstrapping. */
  readonly bootstrapPeersMax: number
}

const MINUTE_MS = 60_000

export const DEFAULT_HOST_LIMITS: HostLimits = {
  connectionsMax: 2048,
  inboundPerSecondAndAddressMax: 1024,
  inboundPendingMax: 1024,
  listenBacklog: 1024,
  parallelDialsMax: 32,
  dialQueueMax: 512,
  addressesPerPeerMax: 8,
  addressDialTimeoutMs: 5_000,
  dialTimeoutMs: 15_000,
  inboundUpgradeTimeoutMs: 15_000,
  passTimeoutMs: 15_000,
  passSweepIntervalMs: 5_000,
  passStreamsPerConnectionMax: 2,
  strangersMax: 1024,
  negotiationTimeoutMs: 10_000,
  flushTimeoutMs: 20_000,
  closeTimeoutMs: 5_000,
  lingerTimeoutMs: 10_000,
  pingIntervalMs: 10_000,
  pingTimeoutMs: 12_000,
  socketIdleTimeoutMs: 2 * MINUTE_MS,
  deadCheckDelayMs: 1_000,
  deadCheckTimeoutMs: 5_000,
  deadCheckPauseMs: MINUTE_MS,
  streamsPerConnectionMax: 64,
  channelsPerConnectionMax: 8,
  pingsPerConnectionMax: 4,
  dhtStreamsPerConnectionMax: 32,
  windowBytes: 4 * MiB,
  readBufferBytesMax: 5 * MiB,
  receivePauseBytes: 2 * MiB,
  coalesceBytes: 256 * KiB,
  sendPauseBytes: 1 * MiB,
  sendQueueBytesMax: 20 * MiB,
  socketBufferBytes: 256 * KiB,
  identifyBytesMax: 8 * KiB,
  recordValidityMs: DHT_RECORD_VALIDITY_MS,
  recordRenewMs: 10 * MINUTE_MS,
  recordIntervalMs: 5 * MINUTE_MS,
  peerAddressAgeMs: 2 * 60 * MINUTE_MS,
  peerAgeMs: 6 * 60 * MINUTE_MS,
  dhtQueryTimeoutMs: 20_000,
  bootstrapIntervalMs: 10_000,
  introducedDelayMs: 15_000,
  bootstrapParallelMax: 3,
  dhtPeersMin: 8,
  bootstrapPeersMax: 32,
}

/** The defaults with some replaced (tests, unusual sites). Throws RangeError where they contradict each other. */
export function hostLimits(overrides: Partial<HostLimits> = {}): HostLimits {
  const limits = { ...DEFAULT_HOST_LIMITS, ...overrides }
  const relations: [boolean, string][] = [
    [limits.readBufferBytesMax > limits.windowBytes, 'a paused stream can hold a whole window'],
    [limits.windowBytes >= 256 * KiB, 'yamux windows begin at 256 KiB'],
    [limits.sendQueueBytesMax > limits.sendPauseBytes, 'a sender is told to wait before it is cut off'],
    [
      limits.peerAddressAgeMs >= limits.recordValidityMs,
      'addresses live as long as the records that need them',
    ],
    [limits.peerAgeMs >= limits.recordValidityMs, 'peers live as long as the records that name them'],
    [limits.recordIntervalMs < limits.recordRenewMs, 'records are looked at before they expire'],
    [limits.recordRenewMs < limits.recordValidityMs, 'records are not renewed all the time'],
    [
      limits.pingIntervalMs + limits.pingTimeoutMs + limits.deadCheckDelayMs + limits.deadCheckTimeoutMs <
        30_000,
      'a dead peer leaves the routing table within 30 s',
    ],
    [limits.pingsPerConnectionMax * limits.pingIntervalMs > limits.pingTimeoutMs, 'pings may overlap'],
    [limits.addressDialTimeoutMs <= limits.dialTimeoutMs, 'one address does not use up a dial'],
  ]
  for (const [holds, reason] of relations) if (!holds) throw new RangeError(`host limits: ${reason}`)
  return limits
}
