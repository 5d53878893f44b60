import type { CallOptions } from '../core/blockstore.ts'
import { type Digest, type DigestKey, digestKey } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { AbortedError, StorageFullError } from '../core/errors.ts'
import {
  FILL_PAUSE_MS,
  HEDGE_SLACK_MS,
  PEER_LACKS_PAUSE_MS,
  PEER_RETRY_MS,
  SESSION_TICK_MS,
} from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import { unless } from '../util/unless.ts'
import { BlockRead, type ReadAttempt, type ReadClass, type WantedBlocks } from './block-read.ts'
import type { Flights } from './flights.ts'
import { faultOf, retryMsOf } from './peer-want.ts'
import { ReadFetch, type ReadFetchComponents } from './read-fetch.ts'
import { type ReadSource, ReadSources } from './read-sources.ts'
import { indicesOfParts } from './run-fetch.ts'
import type { RunBlocks } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Arrived } from './session-stats.ts'

export interface BlockReadsComponents extends ReadFetchComponents {
  /** Blocks that are on their way for the session as a whole. */
  flights: Flights
  /** The blocks of a run; brings their segment when it is not here. */
  blocksOf(run: number): Promise<RunBlocks>
  peers(): readonly SessionPeer[]
  /** Whether others are told that a run is here. */
  isHeld(run: number): boolean
}

export interface BlockReadsEvents {
  /** Some blocks of a run were stored; `parts` of it (bit k: part k) lack nothing now. */
  stored(run: number, parts: number): void
  arrived(peer: SessionPeer, amount: Arrived): void
  ban(peer: SessionPeer, reason: Error): void
  release(peer: SessionPeer, reason: Error): void
  /** A run that counts as held lacks blocks. */
  lost(run: number): void
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
  readonly #fetch: ReadFetch
  readonly #reads = new Set<BlockRead>()
  readonly #byBlock = new Map<DigestKey, BlockRead>()
  #cancelWake = () => {}
  #guestMs = Number.NEGATIVE_INFINITY
  #stopped: Error | undefined

  constructor(
    components: BlockReadsComponents,
    init: { partsPerRun: number; self: PeerKey; awaitsGuest: boolean; events: BlockReadsEvents },
  ) {
    this.#components = components
    this.#clock = components.clock
    this.#partsPerRun = init.partsPerRun
    if (init.awaitsGuest) this.#guestMs = components.clock.monotonic()
    this.#events = init.events
    this.#sources = new ReadSources(init)
    this.#fetch = new ReadFetch(components, {
      partsPerRun: init.partsPerRun,
      sources: this.#sources,
      events: {
        stored: (run, parts) => this.#events.stored(run, parts),
        arrived: (peer, amount) => this.#events.arrived(peer, amount),
        ended: (read, outcome) => {
          this.#end(read, outcome)
          if (outcome.error instanceof StorageFullError) this.#full(outcome.error)
        },
        failed: (read, source, error) => this.#failed(read, source, error),
        settled: () => {
          if (this.#stopped === undefined) this.pump()
        },
      },
    })
  }

  /**
   * Milliseconds for which nothing else is to be fetched: a guest reads or will in a moment, or one did a moment ago. A read that nobody can serve holds nothing up: others may
   * wait for what is told and fetched meanwhile.
   */
  holdMs(nowMs: number): number {
    for (const read of this.#reads) {
      if (read.class === 'background') continue
      if (read.attempts.size > 0 || this.#components.rates.waitMs(read.class, nowMs) > 0) return FILL_PAUSE_MS
    }
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
      bytes += await unless(signal, this.#fetch.storeKept())
      const told = this.#components.isHeld(wanted.run)
      const lacking = await this.#lacking(blocks, wanted.indices)
      if (told && lacking.length > 0) this.#events.lost(wanted.run)
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

  /** A guest of a peer waits for these blocks, which are not on their way here. */
  sought(digests: readonly Digest[], by: PeerKey): void {
    this.#sources.sought(digests, by)
  }

  /** There may be new peers, or others may have more; to be called now and then as well, for who is to be asked again. */
  pump(): void {
    this.#cancelWake()
    const nowMs = this.#clock.monotonic()
    let wakeMs = Number.POSITIVE_INFINITY
    for (const read of this.#reads) {
      this.#advance(read, nowMs)
      if (read.attempts.size === 1 && read.lateMs > nowMs) wakeMs = Math.min(wakeMs, read.lateMs)
      const waitMs = this.#components.rates.waitMs(read.class, nowMs)
      if (read.attempts.size === 0 && waitMs > 0) wakeMs = Math.min(wakeMs, nowMs + waitMs)
    }
    if (wakeMs !== Number.POSITIVE_INFINITY)
      this.#cancelWake = this.#clock.after(Math.max(1, wakeMs - nowMs), () => this.pump())
  }

  /** Its wants have failed without a word. Resolves when nothing is being stored any more. */
  async stop(reason: Error): Promise<void> {
    this.#stopped ??= reason
    this.#cancelWake()
    for (const read of [...this.#reads]) this.#end(read, { error: this.#stopped })
    await this.#fetch.stop()
  }

  /** Those whose blocks are not in the store, each block once. */
  async #lacking(blocks: RunBlocks, indices: readonly number[]): Promise<number[]> {
    const held = await this.#components.blocks.has(indices.map((i) => blocks.digests[i] as Uint8Array))
    const seen = new Set<DigestKey>()
    return indices.filter((i, at) => {
      const key = digestKey(blocks.digests[i] as Uint8Array)
      if (held[at] === true || seen.has(key)) return false
      seen.add(key)
      return true
    })
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
      if (known === undefined || known.ended) rest.push(i)
      else joined.add(known)
    }
    for (const read of joined) recall(read.raise(how.class, this.#clock.monotonic()))
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
      const indices = indicesOfParts(blocks, of, wanted.indices)
      if (indices.length === 0) continue
      const read = new BlockRead({
        ...{ wanted: { run, indices }, parts: of.parts, blocks, class: trafficClass },
        nowMs: this.#clock.monotonic(),
      })
      const digests = indices.map((i) => blocks.digests[i] as Uint8Array)
      for (const digest of digests) this.#byBlock.set(digestKey(digest), read)
      this.#reads.add(read)
      const land = this.#components.flights.depart(digests)
      const settled = () => {
        land()
        for (const key of digests.map(digestKey))
          if (this.#byBlock.get(key) === read) this.#byBlock.delete(key)
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
    const source = this.#sources.choose(read, this.#components.peers(), nowMs)
    if (source !== undefined) void this.#fetch.ask(read, source, nowMs)
  }

  /** A peer that fails is not asked for this for a while; one whose bytes were wrong not at all. */
  #failed(read: BlockRead, { peer, byDigest }: ReadSource, error: unknown): void {
    const nowMs = this.#clock.monotonic()
    const fault = faultOf(error)
    if (fault === 'wrong') this.#events.ban(peer, error as Error)
    else if (fault === 'busy') read.avoid(peer, nowMs + retryMsOf(error))
    else if (fault === 'lacks') read.avoid(peer, nowMs + (byDigest ? SESSION_TICK_MS : PEER_LACKS_PAUSE_MS))
    else if (fault === 'timeout') {
      read.avoid(peer, nowMs + PEER_RETRY_MS)
      this.#events.release(peer, error as Error)
    } else if (fault === 'ours') this.#end(read, { error })
  }

  /** What nobody was asked for yet could not be stored either. */
  #full(error: StorageFullError): void {
    for (const read of [...this.#reads]) if (read.attempts.size === 0) this.#end(read, { error })
  }

  #end(read: BlockRead, outcome: { error?: unknown } = {}): void {
    if (read.class === 'guest') this.#guestMs = this.#clock.monotonic()
    this.#reads.delete(read)
    read.end(outcome)
    for (const { peer, request, answered } of read.attempts)
      if (!answered) peer.connection.cancel(request, new AbortedError('not needed any more'))
  }
}

/** What its peer has not begun it fails: then it is asked again, as urgently as it is wanted now. What it has begun is not sent twice. */
function recall(attempts: readonly ReadAttempt[]): void {
  for (const attempt of attempts) {
    attempt.recalled = true
    attempt.peer.connection.recall(attempt.request)
  }
}
