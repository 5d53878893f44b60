import type { BlockStore } from '../core/blockstore.ts'
import type { Clock } from '../core/clock.ts'
import { IntegrityError, StorageFullError } from '../core/errors.ts'
import type { Frame, FrameVerifier } from '../core/frame.ts'
import { SESSION_TICK_MS, UNSTORED_BYTES_MAX } from '../core/limits.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Blocks } from '../wire/message-types.ts'
import type { BlockRead } from './block-read.ts'
import { faultOf, requestBlocks } from './peer-want.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { ReadSource, ReadSources } from './read-sources.ts'
import {
  framesOf,
  givenOf,
  partsOfBlocks,
  type RunWant,
  runWant,
  storeFrames,
  verified,
} from './run-fetch.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Arrived } from './session-stats.ts'
import { Unstored } from './unstored.ts'

export interface ReadFetchComponents {
  blocks: BlockStore
  verifier: FrameVerifier
  buffers: BufferPool
  rates: RateLimit
  clock: Clock
}

export interface ReadFetchEvents {
  /** Some blocks of a run were stored; `parts` of it (bit k: part k) lack nothing now. */
  stored(run: number, parts: number): void
  arrived(peer: SessionPeer, amount: Arrived): void
  /** All of a read is here, or the local store failed. */
  ended(read: BlockRead, outcome: { error?: unknown }): void
  /** A peer did not give what it was asked for. */
  failed(read: BlockRead, source: ReadSource, error: unknown): void
  /** A want has come to its end, whichever: others may be decided. */
  settled(): void
}

/** Asks one peer for the blocks of a read, verifies and stores what it gives. */
export class ReadFetch {
  readonly #components: ReadFetchComponents
  readonly #partsPerRun: number
  readonly #sources: ReadSources
  readonly #events: ReadFetchEvents
  readonly #storing = new Set<Promise<unknown>>()
  readonly #unstored = new Unstored({ bytesMax: UNSTORED_BYTES_MAX })

  constructor(
    components: ReadFetchComponents,
    init: { partsPerRun: number; sources: ReadSources; events: ReadFetchEvents },
  ) {
    this.#components = components
    this.#partsPerRun = init.partsPerRun
    this.#sources = init.sources
    this.#events = init.events
  }

  /** Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#unstored.clear()
    await Promise.all(this.#storing)
    this.#unstored.clear()
  }

  /** Stores what came while the store was full. Resolves with its bytes, for one of all who call. Errors: those of the store; nothing may be asked then. */
  storeKept(): Promise<number> {
    return this.#tracked(this.#unstored.store())
  }

  /** Does not throw. */
  async ask(read: BlockRead, source: ReadSource, nowMs: number): Promise<void> {
    const { rates, clock } = this.#components
    const { peer, byDigest } = source
    const want = runWant(read.run, read.blocks, read.indices)
    const { class: trafficClass } = read
    const { request, answer } = requestBlocks(peer, want, { byDigest, class: trafficClass })
    const lateMs = this.#sources.lateMs(peer, nowMs)
    const state = { answered: false, recalled: false }
    const attempt = { peer, byDigest, class: trafficClass, request, lateMs, ...state }
    read.attempts.add(attempt)
    this.#sources.began(peer, want.bytes)
    rates.take(trafficClass, want.bytes, nowMs)
    let wireBytes = 0
    try {
      const blocks = await answer
      attempt.answered = true
      wireBytes = blocks.payload.length
      if (read.ended) return this.#drop(peer, blocks.payload)
      await this.#tracked(this.#store(read, peer, givenOf({ related: byDigest || undefined }, want, blocks)))
    } catch (error) {
      if (!attempt.recalled || faultOf(error) !== 'lacks') this.#events.failed(read, source, error)
    } finally {
      read.attempts.delete(attempt)
      this.#sources.ended(peer, want.bytes)
      rates.take(trafficClass, wireBytes - want.bytes, clock.monotonic())
      this.#events.settled()
    }
  }

  async #store(
    read: BlockRead,
    peer: SessionPeer,
    { want, answer }: { want: RunWant; answer: Blocks },
  ): Promise<void> {
    const { verifier } = this.#components
    const placed = framesOf(want, answer)
    const wireBytes = answer.payload.length
    let wrong = 0
    try {
      const right = await verified(verifier, placed)
      wrong = right.wrong
      const bytes = await this.#put(read, peer, { frames: right.frames, wireBytes })
      if (wrong === 0 && read.stored(want.indices, bytes)) this.#events.ended(read, {})
    } catch (error) {
      // What fails here is blamed on no peer.
      this.#events.ended(read, { error })
    }
    if (wrong > 0) throw new IntegrityError(`peer sent ${wrong} wrong blocks of run ${read.run}`)
    // It had a part of them.
    if (!read.ended) read.avoid(peer, this.#components.clock.monotonic() + SESSION_TICK_MS)
  }

  /** Stores frames of a read; keeps those that find no room. Resolves with their bytes. */
  async #put(
    read: BlockRead,
    peer: SessionPeer,
    of: { frames: readonly Frame[]; wireBytes: number },
  ): Promise<number> {
    const { blocks: store, buffers } = this.#components
    const put = async () => {
      const stored = await storeFrames({ store, buffers }, of.frames)
      this.#events.arrived(peer, { ...stored, wireBytes: of.wireBytes, duplicate: false, fallback: false })
      this.#events.stored(read.run, await this.#wholeParts(read))
      return stored.bytes
    }
    try {
      return await put()
    } catch (error) {
      if (error instanceof StorageFullError) this.#unstored.keep({ frames: of.frames, store: put })
      throw error
    }
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    const settled = work.catch(() => {})
    this.#storing.add(settled)
    return await work.finally(() => this.#storing.delete(settled))
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
}
