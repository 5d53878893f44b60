import {
  SERVE_AHEAD_BURST_BYTES,
  SERVE_AHEAD_BYTES_PER_SECOND,
  SERVE_CLASS_RATIO,
  SERVE_SLOW_MS,
  URGENT_BURST_BYTES,
  URGENT_BYTES_PER_SECOND,
} from '../../core/limits.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../../core/traffic-class.ts'
import { TokenBucket } from './token-bucket.ts'

/** Something that a peer asks for and that is answered with bytes. */
export interface ServeJob {
  readonly peer: string
  readonly class: TrafficClass
  /** Nobody who keeps to the protocol asks for it: it is given when nothing else is, and little of it. */
  needless?(): boolean
  /** Background that a peer may read some day, without being told to fetch it: so many bytes a second of it. */
  ahead?(): boolean
}

/** What a peer is being given. */
export interface Turn<J> {
  readonly job: J
  /** What it is served as, and whose rate limits it counts in. */
  readonly as: TrafficClass
  readonly limit: TrafficClass
  readonly sinceMs: number
  readonly needless: boolean
  readonly ahead: boolean
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
  /** Bytes that it may have for some day. */
  readonly ahead: TokenBucket
}

/** What a client may be served next. */
export interface Choice<J> {
  readonly client: Client<J>
  /** What it asks for, and what it is served as. */
  readonly of: TrafficClass
  readonly as: TrafficClass
  /** Whose rate limits it waits for and counts in. */
  readonly limit: TrafficClass
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
  const ahead = new TokenBucket({
    ...{ perSecond: SERVE_AHEAD_BYTES_PER_SECOND, burst: SERVE_AHEAD_BURST_BYTES },
    nowMs,
  })
  return { peer, queues, waiting: 0, served, current: undefined, slow: false, urgent, ahead }
}

/** How long the peer holds its slot if it does not read: after that it holds nothing but its own turn. */
export const slotMs = <J>({ current }: Client<J>, nowMs: number) =>
  current === undefined ? 0 : current.sinceMs + SERVE_SLOW_MS - nowMs

export const holdsSlot = <J>(client: Client<J>, nowMs: number) => !client.slow && slotMs(client, nowMs) > 0

/** It is not what an uplink is there for. */
export const isLeisure = <J>(turn: Turn<J> | undefined) => turn?.needless === true || turn?.ahead === true

export const shareOf = (of: TrafficClass) =>
  SERVE_CLASS_RATIO ** (TRAFFIC_CLASSES.length - 1 - TRAFFIC_CLASSES.indexOf(of))

/** Guest reads first; then whoever is furthest behind. */
export function isBefore<J>(a: Choice<J>, b: Choice<J>): boolean {
  if ((a.as === 'guest') !== (b.as === 'guest')) return a.as === 'guest'
  return a.client.served < b.client.served
}
