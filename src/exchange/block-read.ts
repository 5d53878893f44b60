import { PASS_ON_WAIT_MS } from '../core/limits.ts'
import { moreUrgent, type TrafficClass } from '../core/traffic-class.ts'
import type { RunBlocks } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'

/** Blocks of a run that somebody waits for. */
export interface WantedBlocks {
  readonly run: number
  /** Indices in the run, ascending. */
  readonly indices: readonly number[]
}

/** For what blocks are read: a guest waits for them, a boot will read them, or one may some day. */
export type ReadClass = Extract<TrafficClass, 'guest' | 'boot' | 'background'>

/** A want for the blocks of a read, at one peer. */
export interface ReadAttempt {
  readonly peer: SessionPeer
  /** When another peer is asked as well. */
  readonly lateMs: number
  /** By digest, of a peer that may have fetched them: it gives what it has. */
  readonly byDigest: boolean
  /** What it was asked for as: the peer serves it so. */
  readonly class: ReadClass
  readonly request: number
  answered: boolean
  /** Taken back to be asked more urgently: the peer gives it if it has begun, and fails it otherwise. */
  recalled: boolean
}

/** Blocks of one part of one run that are wanted now, for however many readers. State only. */
export class BlockRead {
  readonly run: number
  /** Bit k: part k of the run. */
  readonly parts: number
  readonly blocks: RunBlocks
  readonly beganMs: number
  /** What is not here yet. */
  indices: readonly number[]
  class: ReadClass
  /** Bytes that were fetched so far. */
  fetchedBytes = 0
  readonly attempts = new Set<ReadAttempt>()
  readonly #avoidedUntilMs = new Map<string, number>()
  readonly #done = Promise.withResolvers<number>()
  /** Since when a guest waits. */
  #guestMs: number
  #readers = 0
  #ended = false

  constructor(init: {
    wanted: WantedBlocks
    parts: number
    blocks: RunBlocks
    class: ReadClass
    nowMs: number
  }) {
    this.run = init.wanted.run
    this.indices = init.wanted.indices
    this.parts = init.parts
    this.blocks = init.blocks
    this.class = init.class
    this.beganMs = init.nowMs
    this.#guestMs = init.nowMs
    this.#done.promise.catch(() => {})
  }

  /** Resolves with the bytes that were fetched when all is stored. */
  get done(): Promise<number> {
    return this.#done.promise
  }

  get ended(): boolean {
    return this.#ended
  }

  get bytes(): number {
    return this.indices.reduce((sum, i) => sum + (this.blocks.lengths[i] ?? 0), 0)
  }

  /** These are in the store now. Returns whether all are. */
  stored(indices: readonly number[], bytes: number): boolean {
    this.indices = this.indices.filter((i) => !indices.includes(i))
    this.fetchedBytes += bytes
    return this.indices.length === 0
  }

  joined(): void {
    this.#readers++
  }

  /** Returns whether nobody waits for it any more. */
  left(): boolean {
    return --this.#readers === 0
  }

  /** The peer is not asked for these for a while. */
  avoid(peer: SessionPeer, untilMs: number): void {
    this.#avoidedUntilMs.set(peer.key, untilMs)
  }

  mayAsk(peer: SessionPeer, nowMs: number): boolean {
    if ((this.#avoidedUntilMs.get(peer.key) ?? 0) > nowMs) return false
    for (const attempt of this.attempts) if (attempt.peer === peer) return false
    return true
  }

  /** Somebody waits for it more urgently than before. Returns the attempts that peers serve after everything else although somebody waits now: to be recalled. */
  raise(to: ReadClass, nowMs: number): ReadAttempt[] {
    if (to === 'guest' && this.class !== 'guest') this.#guestMs = nowMs
    this.class = moreUrgent(this.class, to) as ReadClass
    if (this.class === 'background') return []
    return [...this.attempts].filter(
      (attempt) => attempt.class === 'background' && !attempt.answered && !attempt.recalled,
    )
  }

  /** When the latest attempt is late; infinite without any. A guest waits PASS_ON_WAIT_MS for who only may have it. */
  get lateMs(): number {
    let lateMs = Number.NEGATIVE_INFINITY
    for (const attempt of this.attempts) {
      const patient = this.class !== 'guest' || !attempt.byDigest
      lateMs = Math.max(lateMs, patient ? attempt.lateMs : this.#guestMs + PASS_ON_WAIT_MS)
    }
    return this.attempts.size === 0 ? Number.POSITIVE_INFINITY : lateMs
  }

  /** `error`: why it failed. */
  end(outcome: { error?: unknown } = {}): void {
    if (this.#ended) return
    this.#ended = true
    if ('error' in outcome) this.#done.reject(outcome.error)
    else this.#done.resolve(this.fetchedBytes)
  }
}
