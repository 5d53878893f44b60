import { Bitmap } from '../core/bitmap.ts'
import type { BlockStore } from '../core/blockstore.ts'
import type { Clock } from '../core/clock.ts'
import {
  AbortedError,
  BusyError,
  IntegrityError,
  NotFoundError,
  ProtocolError,
  TimeoutError,
  UnreachableError,
} from '../core/errors.ts'
import type { FrameVerifier } from '../core/frame.ts'
import type { Nearness } from '../core/nearness.ts'
import type { PeerKey } from '../core/router.ts'
import { moreUrgent, type TrafficClass } from '../core/traffic-class.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Blocks } from '../wire/message-types.ts'
import { Flights } from './flights.ts'
import type { FetchPeer } from './policy/fetch-peer.ts'
import type { FetchPolicy } from './policy/fetch-policy.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { Decision, Want, WantFailure } from './policy/want.ts'
import {
  framesOf,
  givenOf,
  indicesOfParts,
  missingIndices,
  type RunWant,
  runWant,
  storeVerified,
} from './run-fetch.ts'
import type { RunBlocks, SegmentReader } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Arrived } from './session-stats.ts'
import type { Swarm } from './swarm.ts'

export interface FetcherComponents {
  blocks: BlockStore
  segments: SegmentReader
  verifier: FrameVerifier
  buffers: BufferPool
  /** What may be received. */
  rates: RateLimit
  clock: Clock
  policy: FetchPolicy
  /** How near a peer is, by its pass. */
  nearness(peer: PeerKey): Nearness
}

export interface FetcherEvents {
  /** All of a run, or some parts of it, are in the store now. */
  stored(run: number): void
  arrived(peer: SessionPeer, amount: Arrived): void
  /** What the bytes are wanted for now. */
  classOf(): TrafficClass
  /** Its bytes or messages were wrong: it is not asked again in this session. */
  ban(peer: SessionPeer, reason: Error): void
  /** It does not give what it promised; it may come back. */
  release(peer: SessionPeer, reason: Error): void
  /** The local store failed: the session cannot go on. */
  broken(error: unknown): void
}

const NOTHING = { blocks: 0, bytes: 0, fallback: false }

/** Does what the policy decides: sends wants and asks, verifies and stores what arrives, and tells the policy what became of it. */
export class Fetcher {
  readonly #components: FetcherComponents
  readonly #policy: FetchPolicy
  readonly #clock: Clock
  readonly #swarm: Swarm
  readonly #events: FetcherEvents
  readonly #flights = new Flights()
  readonly #peers = new Map<FetchPeer, SessionPeer>()
  /** Numbers of the requests under way. */
  readonly #requests = new Map<Want, number>()
  readonly #cancelled = new WeakSet<Want>()
  /** Answers that are being verified and stored. */
  readonly #storing = new Set<Promise<void>>()
  /** Runs that the origin gave because no neighbour could. */
  readonly #fallbacks = new Set<number>()
  #cancelWake = () => {}
  /** When `pump` is called at the latest; infinite without a timer. */
  #wakeMs = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(components: FetcherComponents, init: { swarm: Swarm; events: FetcherEvents }) {
    this.#components = components
    this.#policy = components.policy
    this.#clock = components.clock
    this.#swarm = init.swarm
    this.#events = init.events
  }

  /** Milliseconds since something arrived or was planned. */
  get idleMs(): number {
    return this.#clock.monotonic() - this.#policy.progressMs
  }

  joined(peer: SessionPeer): void {
    const { key, origin, credit, related } = peer
    // What it has of this image shows when it is asked.
    const have = related === undefined ? peer.have : Bitmap.full(this.#policy.runs)
    const nearness = this.#components.nearness(key)
    const facts = { key, have, origin, related: related !== undefined, nearness, credit }
    peer.fetch = this.#policy.joined(facts, this.#clock.monotonic())
    this.#peers.set(peer.fetch, peer)
  }

  /** The peer holds a run, or the given parts of it (bit k: part k), which are told of images that have parts alone. */
  peerHas(peer: SessionPeer, run: number, parts?: number): void {
    if (peer.fetch === undefined || (parts !== undefined && this.#policy.partsPerRun === 1)) return
    const nowMs = this.#clock.monotonic()
    this.#policy.peerHas(peer.fetch, run, parts === undefined ? { nowMs } : { nowMs, parts })
  }

  left(peer: SessionPeer): void {
    if (peer.fetch === undefined) return
    this.#peers.delete(peer.fetch)
    this.#policy.left(peer.fetch, this.#clock.monotonic())
    this.pump()
  }

  /** Takes back every want. Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelWake()
    for (const want of [...this.#requests.keys()]) this.#cancel(want, 'session has ended')
    await Promise.all(this.#storing)
  }

  /** Does all that the policy decides now. */
  pump(): void {
    if (this.#stopped) return
    const nowMs = this.#clock.monotonic()
    const waitMs = this.#components.rates.waitMs(this.#events.classOf(), nowMs)
    if (waitMs > 0) return this.#wakeAfter(waitMs)
    for (let next = this.#policy.next(nowMs); next !== undefined; next = this.#policy.next(nowMs))
      this.#do(next)
    this.#wakeAfter(this.#policy.wakeMs - nowMs)
  }

  /** A timer that rings too soon costs less than another one for each fact. */
  #wakeAfter(ms: number): void {
    const atMs = this.#clock.monotonic() + Math.max(1, ms)
    if (atMs >= this.#wakeMs) return
    this.#cancelWake()
    this.#wakeMs = atMs
    this.#cancelWake = this.#clock.after(Math.max(1, ms), () => {
      this.#wakeMs = Number.POSITIVE_INFINITY
      this.pump()
    })
  }

  #do(decision: Decision): void {
    if (decision.type === 'cancel') return this.#cancel(decision.want, 'another peer was faster')
    const peer = this.#peers.get(decision.type === 'want' ? decision.want.peer : decision.peer)
    if (peer === undefined) return
    if (decision.type === 'want') void this.#fetch(peer, decision.want)
    else if (decision.type === 'ask') void this.#ask(peer, decision)
    else this.#release(peer, decision.reason)
  }

  #cancel(want: Want, reason: string): void {
    this.#cancelled.add(want)
    const request = this.#requests.get(want)
    const peer = this.#peers.get(want.peer)
    if (request !== undefined) peer?.connection.cancel(request, new AbortedError(reason))
  }

  #release(peer: SessionPeer, reason: 'lacks' | 'timeout'): void {
    const error =
      reason === 'lacks'
        ? new NotFoundError('peer does not give what it promised')
        : new TimeoutError('peer did not answer in time')
    this.#events.release(peer, error)
  }

  async #ask(peer: SessionPeer, ask: { peer: FetchPeer; count: number; starving: boolean }): Promise<void> {
    const { count, starving } = ask
    try {
      const { runs, retryMs } = await peer.connection.ask({ id: peer.id, count, starving })
      if (starving) for (const run of runs) this.#fallbacks.add(run)
      this.#policy.assigned(ask.peer, runs.slice(0, count), { nowMs: this.#clock.monotonic(), retryMs })
    } catch (error) {
      this.#policy.askFailed(ask.peer, this.#failure(peer, error), this.#whenOf(error))
    }
    this.pump()
  }

  async #fetch(peer: SessionPeer, want: Want): Promise<void> {
    try {
      const blocks = await this.#locally(this.#blocksOf(want.run))
      const indices = await this.#lacking(want, blocks)
      const { free, awaited } = want.copy
        ? { free: indices, awaited: [] }
        : this.#flights.split(blocks.digests, indices)
      const sent = runWant(want.run, blocks, free)
      this.#policy.sized(want, sent.bytes)
      if (free.length > 0 && !(await this.#send(peer, want, sent))) return
      await Promise.all(awaited)
      await this.#settle(peer, want, blocks)
    } catch (error) {
      if (peer.related !== undefined && error instanceof NotFoundError) this.#lacked(want)
      else this.#policy.failed(want, this.#failure(peer, error), this.#whenOf(error))
    }
    this.pump()
  }

  async #blocksOf(run: number): Promise<RunBlocks> {
    const place = this.#swarm.map.locate(run)
    const link = this.#swarm.manifest.segments[place.segment]
    if (link === undefined) throw new NotFoundError('no such segment')
    return this.#components.segments.run(link, place.index)
  }

  /** Blocks of the wanted parts that are not here. */
  async #lacking(want: Want, blocks: RunBlocks): Promise<number[]> {
    const missing = await this.#locally(missingIndices(blocks, this.#components.blocks))
    return indicesOfParts(blocks, missing, { parts: want.parts, partsPerRun: this.#policy.partsPerRun })
  }

  /** False: the answer was not needed any more. */
  async #send(peer: SessionPeer, want: Want, sent: RunWant): Promise<boolean> {
    if (this.#cancelled.has(want) || this.#stopped) throw new AbortedError('not needed any more')
    let wireBytes = 0
    this.#received(sent.bytes)
    const land = this.#flights.depart(sent.indices.map((i) => sent.blocks.digests[i] as Uint8Array))
    try {
      const { request, answer } = this.#request(peer, sent, moreUrgent(want.class, this.#events.classOf()))
      this.#requests.set(want, request)
      const given = givenOf(peer, sent, await answer)
      this.#requests.delete(want)
      wireBytes = given.answer.payload.length
      this.#policy.sized(want, given.want.bytes)
      const useful = this.#policy.answered(want, this.#clock.monotonic())
      this.pump()
      if (useful) await this.#tracked(this.#store(peer, given.want, given.answer))
      else this.#drop(peer, given.answer)
      return useful
    } finally {
      this.#received(wireBytes - sent.bytes)
      this.#requests.delete(want)
      land()
    }
  }

  /** Counts bytes when they are wanted, as many as they may be; then what they have come to. */
  #received(bytes: number): void {
    this.#components.rates.take(this.#events.classOf(), bytes, this.#clock.monotonic())
  }

  /** By run; or by digest, from who has another image. */
  #request(
    peer: SessionPeer,
    sent: RunWant,
    trafficClass: TrafficClass,
  ): { request: number; answer: Promise<Blocks> } {
    const { connection, id, related } = peer
    if (related === undefined)
      return connection.want({ id, run: sent.run, missing: sent.missing, class: trafficClass })
    const digests = sent.indices.map((i) => sent.blocks.digests[i] as Uint8Array)
    return connection.wantDigests({ id, digests, class: trafficClass })
  }

  #drop(peer: SessionPeer, answer: Blocks): void {
    this.#events.arrived(peer, { ...NOTHING, wireBytes: answer.payload.length, duplicate: true })
    this.#components.buffers.give(answer.payload.buffer)
  }

  async #tracked(work: Promise<void>): Promise<void> {
    const settled = work.catch(() => {})
    this.#storing.add(settled)
    try {
      await work
    } finally {
      this.#storing.delete(settled)
    }
  }

  async #store(peer: SessionPeer, want: RunWant, answer: Blocks): Promise<void> {
    const frames = framesOf(want, answer)
    const wireBytes = answer.payload.length
    const { blocks: store, verifier, buffers } = this.#components
    const stored = await this.#locally(storeVerified({ store, verifier, buffers }, frames))
    const fallback = peer.origin && this.#fallbacks.has(want.run)
    this.#events.arrived(peer, { ...stored, wireBytes, duplicate: false, fallback })
    if (stored.wrong > 0)
      throw new IntegrityError(`peer sent ${stored.wrong} wrong blocks of run ${want.run}`)
  }

  /** After an answer: is it all here now? Blocks that other runs were waiting for may have failed there. */
  async #settle(peer: SessionPeer, want: Want, blocks: RunBlocks): Promise<void> {
    const missing = await this.#lacking(want, blocks)
    if (missing.length > 0 && peer.related !== undefined) return this.#lacked(want)
    if (missing.length > 0) throw new AbortedError('blocks on their way for another run did not arrive')
    this.#policy.stored(want)
    if (!this.#swarm.have.has(want.run)) this.#events.stored(want.run)
  }

  #lacked(want: Want): void {
    this.#policy.lacked(want, this.#clock.monotonic())
  }

  /** What fails here is never blamed on a peer: it ends the session. */
  async #locally<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.#stopped = true
      this.#events.broken(error)
      throw new AbortedError('the local store failed', { cause: error })
    }
  }

  /** What the policy is told of an error; a peer whose bytes or messages were wrong is dropped here. */
  #failure(peer: SessionPeer, error: unknown): WantFailure {
    if (error instanceof IntegrityError || error instanceof ProtocolError) {
      this.#events.ban(peer, error)
    } else if (error instanceof BusyError) return 'busy'
    else if (error instanceof NotFoundError) return 'lacks'
    else if (error instanceof TimeoutError) return 'timeout'
    else if (!(error instanceof UnreachableError || error instanceof AbortedError)) this.#events.broken(error)
    return 'lost'
  }

  #whenOf(error: unknown): { nowMs: number; retryMs: number } {
    const retryMs = error instanceof BusyError ? Number(error.data['retryMs'] ?? 0) : 0
    return { nowMs: this.#clock.monotonic(), retryMs }
  }
}
