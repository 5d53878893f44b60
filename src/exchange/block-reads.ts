import type { BlockStore, CallOptions } from '../core/blockstore.ts'
import { type DigestKey, digestKey } from '../core/cid.ts'
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
import { FILL_PAUSE_MS, HEDGE_SLACK_MS, PEER_LACKS_PAUSE_MS, PEER_RETRY_MS } from '../core/limits.ts'
import { moreUrgent } from '../core/traffic-class.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import { unless } from '../util/unless.ts'
import { BlockRead, type ReadAttempt, type ReadClass, type WantedBlocks } from './block-read.ts'
import type { Flights } from './flights.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import { ReadSources } from './read-sources.ts'
import { framesOf, indicesOfParts, partsOfBlocks, runWant, storeVerified } from './run-fetch.ts'
import type { RunBlocks } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Arrived } from './session-stats.ts'

export interface BlockReadsComponents {
  blocks: BlockStore
  verifier: FrameVerifier
  buffers: BufferPool
  rates: RateLimit
  clock: Clock
  /** Blocks that are on their way for the session as a whole. */
  flights: Flights
  /** The blocks of a run; brings their segment when it is not here. */
  blocksOf(run: number): Promise<RunBlocks>
  peers(): readonly SessionPeer[]
}

export interface BlockReadsEvents {
  /** Some blocks of a run were stored; `parts` of it (bit k: part k) lack nothing now. */
  stored(run: number, parts: number): void
  arrived(peer: SessionPeer, amount: Arrived): void
  ban(peer: SessionPeer, reason: Error): void
  release(peer: SessionPeer, reason: Error): void
}

/**
 * Reads of exact blocks by machines that wait for them, ahead of everything that a session fetches by itself. What somebody has asked for already is waited for; who is
 * slow is asked for a moment alone, then another peer as well; while nobody has it, reads wait.
 */
export class BlockReads {
  readonly #components: BlockReadsComponents
  readonly #clock: Clock
  readonly #partsPerRun: number
  readonly #events: BlockReadsEvents
  readonly #sources: ReadSources
  readonly #reads = new Set<BlockRead>()
  readonly #byBlock = new Map<DigestKey, BlockRead>()
  #cancelWake = () => {}
  #guestMs = Number.NEGATIVE_INFINITY
  #stopped: Error | undefined

  constructor(components: BlockReadsComponents, init: { partsPerRun: number; events: BlockReadsEvents }) {
    this.#components = components
    this.#clock = components.clock
    this.#partsPerRun = init.partsPerRun
    this.#events = init.events
    this.#sources = new ReadSources({ partsPerRun: init.partsPerRun })
  }

  /** Milliseconds for which nothing else is to be fetched: a guest reads, or did a moment ago. */
  holdMs(nowMs: number): number {
    for (const read of this.#reads) if (read.class === 'guest') return FILL_PAUSE_MS
    return Math.max(0, this.#guestMs + FILL_PAUSE_MS - nowMs)
  }

  /**
   * Resolves when the blocks are in the store, with the bytes of those that were fetched for this call first. Errors: AbortedError or the reason of the signal, those of the
   * store, those of `blocksOf`; the reason of `stop`.
   */
  async read(wanted: WantedBlocks, options: CallOptions & { class: ReadClass }): Promise<number> {
    const { signal = new AbortController().signal } = options
    const blocks = await unless(signal, this.#components.blocksOf(wanted.run))
    let bytes = 0
    for (let patient = true; ; patient = false) {
      const lacking = await this.#lacking(blocks, wanted.indices)
      if (this.#stopped !== undefined) throw this.#stopped
      if (lacking.length === 0) return bytes
      const { fresh, joined, awaited } = this.#plan({ run: wanted.run, indices: lacking }, blocks, {
        class: options.class,
        patient,
      })
      this.pump()
      const mine = Promise.all(fresh.map((read) => this.#join(read, signal)))
      const others = joined.map((read) => this.#join(read, signal))
      const [fetched] = await Promise.all([mine, ...others, this.#patience(awaited, signal)])
      for (const some of fetched) bytes += some
    }
  }

  /** There may be new peers, or others may have more; to be called now and then as well, for who is to be asked again. */
  pump(): void {
    this.#cancelWake()
    const nowMs = this.#clock.monotonic()
    let wakeMs = Number.POSITIVE_INFINITY
    for (const read of this.#reads) {
      this.#advance(read, nowMs)
      if (read.attempts.size === 1 && read.lateMs > nowMs) wakeMs = Math.min(wakeMs, read.lateMs)
    }
    if (wakeMs !== Number.POSITIVE_INFINITY)
      this.#cancelWake = this.#clock.after(Math.max(1, wakeMs - nowMs), () => this.pump())
  }

  /** Its wants have failed without a word. */
  stop(reason: Error): void {
    this.#stopped ??= reason
    this.#cancelWake()
    for (const read of [...this.#reads]) this.#end(read, { error: this.#stopped })
  }

  async #lacking(blocks: RunBlocks, indices: readonly number[]): Promise<number[]> {
    const held = await this.#components.blocks.has(indices.map((i) => blocks.digests[i] as Uint8Array))
    return indices.filter((_, at) => held[at] !== true)
  }

  /** What is to be read anew, what somebody reads already, and what is on its way for the session, which is waited for once. */
  #plan(
    wanted: WantedBlocks,
    blocks: RunBlocks,
    how: { class: ReadClass; patient: boolean },
  ): { fresh: BlockRead[]; joined: BlockRead[]; awaited: Promise<void>[] } {
    const joined = new Set<BlockRead>()
    const rest: number[] = []
    for (const i of wanted.indices) {
      const known = this.#byBlock.get(digestKey(blocks.digests[i] as Uint8Array))
      if (known === undefined) rest.push(i)
      else joined.add(known)
    }
    for (const read of joined) read.class = moreUrgent(read.class, how.class) as ReadClass
    const { free, awaited } = how.patient
      ? this.#components.flights.split(blocks.digests, rest)
      : { free: rest, awaited: [] }
    const fresh = this.#begin({ run: wanted.run, indices: free }, blocks, how.class)
    return { fresh, joined: [...joined], awaited }
  }

  /** One read for each part of the run, because peers tell of parts. */
  #begin(wanted: WantedBlocks, blocks: RunBlocks, trafficClass: ReadClass): BlockRead[] {
    const { run } = wanted
    const reads: BlockRead[] = []
    for (let part = 0; part < this.#partsPerRun; part++) {
      const of = { parts: 1 << part, partsPerRun: this.#partsPerRun }
      const indices = indicesOfParts(blocks, wanted.indices, of)
      if (indices.length === 0) continue
      const read = new BlockRead({
        ...{ wanted: { run, indices }, parts: of.parts, blocks, class: trafficClass },
      })
      const digests = indices.map((i) => blocks.digests[i] as Uint8Array)
      for (const digest of digests) this.#byBlock.set(digestKey(digest), read)
      this.#reads.add(read)
      const land = this.#components.flights.depart(digests)
      const settled = () => {
        land()
        for (const digest of digests) this.#byBlock.delete(digestKey(digest))
      }
      read.done.then(settled, settled)
      reads.push(read)
    }
    return reads
  }

  async #join(read: BlockRead, signal: AbortSignal): Promise<number> {
    read.joined()
    try {
      return await unless(signal, read.done)
    } finally {
      if (read.left() && !read.ended) this.#end(read, { error: new AbortedError('nobody waits any more') })
    }
  }

  /** A read is not bound to what the session fetches at its leisure. */
  async #patience(awaited: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
    if (awaited.length === 0) return
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(HEDGE_SLACK_MS, () => late.resolve())
    const arrived = Promise.all(awaited).then(() => {})
    await unless(signal, Promise.race([arrived, late.promise])).finally(cancel)
  }

  #advance(read: BlockRead, nowMs: number): void {
    const { size } = read.attempts
    if (read.ended || size > 1 || (size === 1 && nowMs < read.lateMs)) return
    if (this.#components.rates.waitMs(read.class, nowMs) > 0) return
    const peer = this.#sources.choose(read, this.#components.peers(), nowMs)
    if (peer !== undefined) void this.#ask(read, peer, nowMs)
  }

  async #ask(read: BlockRead, peer: SessionPeer, nowMs: number): Promise<void> {
    const { rates } = this.#components
    const want = runWant(read.run, read.blocks, read.indices)
    const { class: trafficClass } = read
    const { id, connection } = peer
    const { request, answer } = connection.want({
      id,
      run: read.run,
      missing: want.missing,
      class: trafficClass,
    })
    const attempt: ReadAttempt = { peer, request, lateMs: this.#sources.lateMs(peer, nowMs) }
    read.attempts.add(attempt)
    this.#sources.began(peer, want.bytes)
    rates.take(trafficClass, want.bytes, nowMs)
    let wireBytes = 0
    try {
      const blocks = await answer
      wireBytes = blocks.payload.length
      read.attempts.delete(attempt)
      if (read.ended) return this.#drop(peer, blocks.payload)
      const frames = framesOf(want, blocks)
      await this.#store(read, peer, { frames, wireBytes })
    } catch (error) {
      this.#failed(read, peer, error)
    } finally {
      read.attempts.delete(attempt)
      this.#sources.ended(peer, want.bytes)
      rates.take(trafficClass, wireBytes - want.bytes, this.#clock.monotonic())
      if (this.#stopped === undefined) this.pump()
    }
  }

  async #store(
    read: BlockRead,
    peer: SessionPeer,
    { frames, wireBytes }: { frames: ReturnType<typeof framesOf>; wireBytes: number },
  ): Promise<void> {
    const { blocks: store, verifier, buffers } = this.#components
    let wrong = 0
    try {
      const stored = await storeVerified({ store, verifier, buffers }, frames)
      this.#events.arrived(peer, { ...stored, wireBytes, duplicate: false, fallback: false })
      wrong = stored.wrong
      const held = await this.#wholeParts(read)
      if (wrong === 0) this.#end(read, { bytes: stored.bytes })
      this.#events.stored(read.run, held)
    } catch (error) {
      // What fails here is blamed on no peer.
      this.#end(read, { error })
    }
    if (wrong > 0) throw new IntegrityError(`peer sent ${wrong} wrong blocks of run ${read.run}`)
  }

  /** Parts of the run of a read that lack nothing. */
  async #wholeParts({ blocks }: BlockRead): Promise<number> {
    const held = await this.#components.blocks.has(blocks.digests)
    const partOf = partsOfBlocks(blocks.lengths, this.#partsPerRun)
    let parts = 2 ** this.#partsPerRun - 1
    held.forEach((here, i) => {
      if (!here) parts &= ~(1 << (partOf[i] ?? 0))
    })
    return parts
  }

  #drop(peer: SessionPeer, payload: Uint8Array): void {
    const nothing = { blocks: 0, bytes: 0, fallback: false }
    this.#events.arrived(peer, { ...nothing, wireBytes: payload.length, duplicate: true })
    this.#components.buffers.give(payload.buffer)
  }

  /** A peer that fails is not asked for this for a while; one whose bytes were wrong not at all. */
  #failed(read: BlockRead, peer: SessionPeer, error: unknown): void {
    const nowMs = this.#clock.monotonic()
    if (error instanceof IntegrityError || error instanceof ProtocolError) this.#events.ban(peer, error)
    else if (error instanceof BusyError) read.avoid(peer, nowMs + Number(error.data['retryMs'] ?? 0))
    else if (error instanceof NotFoundError) read.avoid(peer, nowMs + PEER_LACKS_PAUSE_MS)
    else if (error instanceof TimeoutError) {
      read.avoid(peer, nowMs + PEER_RETRY_MS)
      this.#events.release(peer, error)
    } else if (!(error instanceof UnreachableError || error instanceof AbortedError))
      this.#end(read, { error })
  }

  #end(read: BlockRead, outcome: { bytes: number } | { error: unknown }): void {
    if (read.class === 'guest') this.#guestMs = this.#clock.monotonic()
    this.#reads.delete(read)
    read.end(outcome)
    for (const { peer, request } of read.attempts)
      peer.connection.cancel(request, new AbortedError('not needed any more'))
  }
}
