import { SERVE_SLOW_MS, URGENT_BURST_BYTES, URGENT_BYTES_PER_SECOND } from '../../core/limits.ts'
import type { TrafficClass } from '../../core/traffic-class.ts'
import { TokenBucket } from './token-bucket.ts'

/** Something that a peer asks for and that is answered with bytes. */
export interface ServeJob {
  readonly peer: string
  readonly class: TrafficClass
  /** Nobody who keeps to the protocol asks for it: it is given when nothing else is, and little of it. */
  needless?(): boolean
}

/** What a peer is being given. */
export interface Turn<J> {
  readonly job: J
  /** What it is served as, and whose rate limits it counts in. */
  readonly as: TrafficClass
  readonly limit: TrafficClass
  readonly sinceMs: number
  readonly needless: boolean
}

/** One peer in the order of serving. */
export interface Client<J> {
  readonly peer: string
  /** Waiting, by class, the first asked first. */
  readonly queues: Record<TrafficClass, Set<J>>
  /** In the queues, and what nobody needs. */
  waiting: number
  /** Virtual time up to which it was served: bytes over shares. */
  served: number
  /** What it is being given now: until the channel takes more. */
  current: Turn<J> | undefined
  /** It did not read its last job in time: until it does, it holds no slot. */
  slow: boolean
  /** Bytes that it may have as urgent ones. */
  readonly urgent: TokenBucket
}

/** `served`: the virtual time at which it comes. */
export function newClient<J>(peer: string, init: { served: number; nowMs: number }): Client<J> {
  const { served, nowMs } = init
  const queues = {
    guest: new Set<J>(),
    boot: new Set<J>(),
    requested: new Set<J>(),
    background: new Set<J>(),
  }
  const urgent = new TokenBucket({ perSecond: URGENT_BYTES_PER_SECOND, burst: URGENT_BURST_BYTES, nowMs })
  return { peer, queues, waiting: 0, served, current: undefined, slow: false, urgent }
}

/** How long the peer holds its slot if it does not read: after that it holds nothing but its own turn. */
export const slotMs = <J>({ current }: Client<J>, nowMs: number) =>
  current === undefined ? 0 : current.sinceMs + SERVE_SLOW_MS - nowMs

export const holdsSlot = <J>(client: Client<J>, nowMs: number) => !client.slow && slotMs(client, nowMs) > 0
