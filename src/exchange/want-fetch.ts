import type { BlockStore } from '../core/blockstore.ts'
import type { Clock } from '../core/clock.ts'
import { AbortedError, IntegrityError, NotFoundError } from '../core/errors.ts'
import type { FrameVerifier } from '../core/frame.ts'
import { moreUrgent, type TrafficClass } from '../core/traffic-class.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Blocks } from '../wire/message-types.ts'
import type { Flights } from './flights.ts'
import { requestBlocks } from './peer-want.ts'
import type { FetchPolicy } from './policy/fetch-policy.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { Want } from './policy/want.ts'
import {
  framesOf,
  givenOf,
  indicesOfParts,
  missingIndices,
  type RunWant,
  runWant,
  storeFrames,
  verified,
} from './run-fetch.ts'
import type { RunBlocks, SegmentReader } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Arrived } from './session-stats.ts'
import type { Swarm } from './swarm.ts'

export interface WantFetchComponents {
  blocks: BlockStore
  segments: SegmentReader
  verifier: FrameVerifier
  buffers: BufferPool
  /** What may be received. */
  rates: RateLimit
  clock: Clock
  policy: FetchPolicy
  /** Blocks on their way in the session. */
  flights: Flights
}

export interface WantFetchEvents {
  /** All of a run, or some parts of it, are in the store now. */
  stored(run: number): void
  arrived(peer: SessionPeer, amount: Arrived): void
  /** The policy was told of an answer: it may decide more. */
  answered(): void
  /** What the bytes are wanted for now. */
  classOf(): TrafficClass
  /** The local store failed: nothing can go on. */
  broken(error: unknown): void
}

const NOTHING = { blocks: 0, bytes: 0, fallback: false }

/** Fetches what the policy wants: looks for what is missing, asks the peer for it, verifies and stores what arrives, and tells the policy. */
export class WantFetch {
  readonly #components: WantFetchComponents
  readonly #policy: FetchPolicy
  readonly #swarm: Swarm
  readonly #events: WantFetchEvents
  readonly #flights: Flights
  /** Numbers of the requests under way. */
  readonly #requests = new Map<Want, number>()
  readonly #cancelled = new WeakSet<Want>()
  /** Answers that are being verified and stored. */
  readonly #storing = new Set<Promise<void>>()
  /** Runs that the origin gave because no neighbour could. */
  readonly #fallbacks = new Set<number>()
  #stopped = false

  constructor(components: WantFetchComponents, init: { swarm: Swarm; events: WantFetchEvents }) {
    this.#components = components
    this.#policy = components.policy
    this.#flights = components.flights
    this.#swarm = init.swarm
    this.#events = init.events
  }

  /** Wants whose requests are under way. */
  get pending(): Want[] {
    return [...this.#requests.keys()]
  }

  /** An origin gave these runs because no neighbour can. */
  fellBack(runs: readonly number[]): void {
    for (const run of runs) this.#fallbacks.add(run)
  }

  /** Takes a want back. */
  cancel(want: Want, peer: SessionPeer | undefined, reason: string): void {
    this.#cancelled.add(want)
    const request = this.#requests.get(want)
    if (request !== undefined) peer?.connection.cancel(request, new AbortedError(reason))
  }

  /** Begins nothing more. Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#storing)
  }

  /** Rejects when the want has failed, which the policy is not told here; errors: those of `Connection.want`, and IntegrityError. */
  async fetch(peer: SessionPeer, want: Want): Promise<void> {
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
  }

  async #blocksOf(run: number): Promise<RunBlocks> {
    const place = this.#swarm.map.locate(run)
    const link = this.#swarm.manifest.segments[place.segment]
    if (link === undefined) throw new NotFoundError('no such segment')
    return this.#components.segments.run(link, place.index)
  }

  /** Blocks of the wanted parts that are not here. */
  async #lacking(want: Want, blocks: RunBlocks): Promise<number[]> {
    const { partsPerRun } = this.#policy
    const indices = indicesOfParts(blocks, { parts: want.parts, partsPerRun })
    return await this.#locally(missingIndices(blocks, indices, this.#components.blocks))
  }

  /** False: the answer was not needed any more. */
  async #send(peer: SessionPeer, want: Want, sent: RunWant): Promise<boolean> {
    if (this.#cancelled.has(want) || this.#stopped) throw new AbortedError('not needed any more')
    let wireBytes = 0
    this.#received(sent.bytes)
    const land = this.#flights.depart(sent.indices.map((i) => sent.blocks.digests[i] as Uint8Array))
    try {
      const { request, answer } = requestBlocks(peer, sent, {
        byDigest: peer.related !== undefined,
        class: moreUrgent(want.class, this.#events.classOf()),
      })
      this.#requests.set(want, request)
      const given = givenOf(peer, sent, await answer)
      this.#requests.delete(want)
      wireBytes = given.answer.payload.length
      this.#policy.sized(want, given.want.bytes)
      const useful = this.#policy.answered(want, this.#components.clock.monotonic())
      this.#events.answered()
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
    this.#components.rates.take(this.#events.classOf(), bytes, this.#components.clock.monotonic())
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
    const wireBytes = answer.payload.length
    const { blocks: store, verifier, buffers } = this.#components
    const { frames, wrong } = await this.#locally(verified(verifier, framesOf(want, answer)))
    const stored = await this.#locally(storeFrames({ store, buffers }, frames))
    const fallback = peer.origin && this.#fallbacks.has(want.run)
    this.#events.arrived(peer, { ...stored, wireBytes, duplicate: false, fallback })
    if (wrong > 0) throw new IntegrityError(`peer sent ${wrong} wrong blocks of run ${want.run}`)
  }

  /** After an answer: is it all here now? Blocks that other runs were waiting for may have failed there. */
  async #settle(peer: SessionPeer, want: Want, blocks: RunBlocks): Promise<void> {
    const missing = await this.#lacking(want, blocks)
    if (missing.length > 0 && peer.related !== undefined)
      return this.#policy.lacked(want, this.#components.clock.monotonic())
    if (missing.length > 0) throw new AbortedError('blocks on their way for another run did not arrive')
    this.#policy.stored(want)
    if (!this.#swarm.have.has(want.run)) this.#events.stored(want.run)
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
}
