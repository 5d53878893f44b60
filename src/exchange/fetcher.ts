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
import {
  ENDGAME_AFTER_MS,
  ENDGAME_AFTER_WANTS,
  PEER_TIMEOUTS_MAX,
  RUN_BYTES_MAX,
  SESSION_FLIGHT_BYTES_MAX,
} from '../core/limits.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import type { Blocks } from '../wire/message-types.ts'
import { Flights } from './flights.ts'
import type { Neighbours } from './neighbours.ts'
import { OriginAsks } from './origin-asks.ts'
import type { Picker, Random } from './picker.ts'
import { Room } from './room.ts'
import { framesOf, missingIndices, type RunWant, runWant, storeVerified } from './run-fetch.ts'
import type { RunBlocks, SegmentReader } from './segment-reader.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Swarm } from './swarm.ts'

export interface FetcherComponents {
  blocks: BlockStore
  segments: SegmentReader
  verifier: FrameVerifier
  buffers: BufferPool
  clock: Clock
  picker: Picker
  neighbours: Neighbours
  random: Random
}

export interface FetcherEvents {
  /** A run is complete in the store. */
  held(run: number): void
  arrived(
    peer: SessionPeer,
    amount: { blocks: number; bytes: number; wireBytes: number; duplicate: boolean },
  ): void
  /** The local store failed: the session cannot go on. */
  broken(error: unknown): void
}

/** Keeps wants under way at every neighbour: picks runs, sends wants, verifies and stores what arrives. */
export class Fetcher {
  readonly #components: FetcherComponents
  readonly #swarm: Swarm
  readonly #events: FetcherEvents
  readonly #asks: OriginAsks
  readonly #flights = new Flights()
  /** Bytes wanted and not yet stored. */
  readonly #flight = { bytes: 0 }
  #progressMs: number
  /** Answers that are being verified and stored, by run. */
  readonly #storing = new Map<number, Promise<void>>()
  /** Moving average of the time from a want to its answer. */
  #wantMs = 0
  #stopped = false

  constructor(components: FetcherComponents, init: { swarm: Swarm; events: FetcherEvents }) {
    this.#components = components
    this.#swarm = init.swarm
    this.#events = init.events
    this.#progressMs = components.clock.monotonic()
    this.#asks = new OriginAsks({
      clock: components.clock,
      picker: components.picker,
      idleMs: () => (this.#flight.bytes > 0 ? undefined : this.idleMs),
      pump: () => this.pump(),
      failed: (peer, error) => this.#wantFailed(peer, error),
    })
  }

  /** The plan has gone on; `complete`: every segment is planned. */
  planned({ complete }: { complete: boolean }): void {
    this.#progressMs = this.#components.clock.monotonic()
    if (complete) this.#asks.planned()
    this.pump()
  }

  /** Milliseconds since something arrived or was planned. */
  get idleMs(): number {
    return this.#components.clock.monotonic() - this.#progressMs
  }

  /** Takes back every want. Resolves when nothing is being stored any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const peer of this.#components.neighbours.all) {
      for (const request of peer.requests.values()) {
        peer.connection.cancel(request, new AbortedError('session has ended'))
      }
    }
    await Promise.all(this.#storing.values())
  }

  /** Gives every neighbour with room something to do, one run at a time in turn. */
  pump(): void {
    let busy = true
    while (busy && !this.#stopped) {
      busy = false
      for (const peer of this.#shuffledPeers()) {
        if (this.#hasRoom(peer) && this.#next(peer)) busy = true
      }
    }
  }

  #shuffledPeers(): SessionPeer[] {
    const { neighbours, random } = this.#components
    const peers = neighbours.all
    const turn = Math.floor(random() * peers.length)
    return [...peers.slice(turn), ...peers.slice(0, turn)]
  }

  #hasRoom(peer: SessionPeer): boolean {
    if (peer.pausedUntilMs > this.#components.clock.monotonic()) return false
    return (
      peer.flightBytes + RUN_BYTES_MAX <= peer.flightBytesMax &&
      this.#flight.bytes + RUN_BYTES_MAX <= SESSION_FLIGHT_BYTES_MAX
    )
  }

  #next(peer: SessionPeer): boolean {
    const run = peer.origin ? this.#asks.next(peer) : this.#components.picker.pick(peer.key)
    const chosen = run ?? this.#endgameRun(peer)
    if (chosen === undefined) return false
    void this.#fetch(peer, chosen)
    return true
  }

  #endgameRun(peer: SessionPeer): number | undefined {
    const { picker, clock } = this.#components
    const afterMs = Math.max(ENDGAME_AFTER_MS, this.#wantMs * ENDGAME_AFTER_WANTS)
    return picker.pickEndgame(peer.key, clock.monotonic() - afterMs)
  }

  async #fetch(peer: SessionPeer, run: number): Promise<void> {
    const { picker, clock } = this.#components
    const copy = picker.senders(run).length > 0
    picker.started(run, peer.key, clock.monotonic())
    const room = new Room(peer, this.#flight)
    try {
      const blocks = await this.#locally(this.#blocksOf(run))
      const indices = await this.#locally(missingIndices(blocks, this.#components.blocks))
      const { free, awaited } = copy
        ? { free: indices, awaited: [] }
        : this.#flights.split(blocks.digests, indices)
      if (free.length > 0) await this.#fetchWant(peer, runWant(run, blocks, free), room)
      await Promise.all(awaited)
      await this.#settle(peer, run, blocks)
    } catch (error) {
      this.#giveBack(peer, run)
      this.#wantFailed(peer, error)
    } finally {
      room.free()
    }
    this.pump()
  }

  /** The run did not come from this peer. */
  #giveBack(peer: SessionPeer, run: number): void {
    this.#components.picker.failed(run, peer.key)
    if (peer.origin) peer.assigned.push(run)
  }

  async #blocksOf(run: number): Promise<RunBlocks> {
    const place = this.#swarm.map.locate(run)
    const link = this.#swarm.manifest.segments[place.segment]
    if (link === undefined) throw new NotFoundError('no such segment')
    return this.#components.segments.run(link, place.index)
  }

  async #fetchWant(peer: SessionPeer, want: RunWant, room: Room): Promise<void> {
    room.resize(want.bytes)
    const { clock } = this.#components
    const land = this.#flights.depart(want.indices.map((i) => want.blocks.digests[i] as Uint8Array))
    const sentMs = clock.monotonic()
    try {
      const { request, answer } = peer.connection.want({ id: peer.id, run: want.run, missing: want.missing })
      peer.requests.set(want.run, request)
      const blocks = await answer
      room.landed()
      this.pump()
      this.#progressMs = clock.monotonic()
      this.#wantMs += (this.#progressMs - sentMs - this.#wantMs) / 8
      await this.#take(peer, want, blocks)
    } finally {
      peer.requests.delete(want.run)
      land()
    }
  }

  /** The first answer for a run is stored; those of copies that come while or after that only count. */
  async #take(peer: SessionPeer, want: RunWant, answer: Blocks): Promise<void> {
    peer.timeouts = 0
    peer.requests.delete(want.run)
    const storing = this.#storing.get(want.run)
    if (storing !== undefined || this.#swarm.have.has(want.run)) {
      this.#events.arrived(peer, { blocks: 0, bytes: 0, wireBytes: answer.payload.length, duplicate: true })
      this.#components.buffers.give(answer.payload.buffer)
      await storing
      return
    }
    const stored = this.#store(peer, want, answer)
    const settled = stored.catch(() => {})
    this.#storing.set(want.run, settled)
    void settled.then(() => this.#storing.delete(want.run))
    this.#cancelCopies(want.run)
    await stored
  }

  async #store(peer: SessionPeer, want: RunWant, answer: Blocks): Promise<void> {
    const frames = framesOf(want, answer)
    const wireBytes = answer.payload.length
    const { blocks: store, verifier, buffers } = this.#components
    const stored = await this.#locally(storeVerified({ store, verifier, buffers }, frames))
    this.#events.arrived(peer, { blocks: stored.blocks, bytes: stored.bytes, wireBytes, duplicate: false })
    if (stored.wrong > 0)
      throw new IntegrityError(`peer sent ${stored.wrong} wrong blocks of run ${want.run}`)
  }

  /** After an answer: is the run whole now? Blocks that other runs were waiting for may have failed there. */
  async #settle(peer: SessionPeer, run: number, blocks: RunBlocks): Promise<void> {
    const { picker } = this.#components
    const missing = await this.#locally(missingIndices(blocks, this.#components.blocks))
    if (missing.length > 0) return this.#giveBack(peer, run)
    this.#cancelCopies(run)
    picker.setHeld(run)
    if (!this.#swarm.have.has(run)) this.#events.held(run)
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

  /** Takes back what other peers were asked for besides. */
  #cancelCopies(run: number): void {
    for (const peer of this.#components.neighbours.all) {
      const request = peer.requests.get(run)
      if (request === undefined) continue
      peer.connection.cancel(request, new AbortedError('another peer was faster'))
    }
  }

  #wantFailed(peer: SessionPeer, error: unknown): void {
    const { neighbours, clock } = this.#components
    if (error instanceof IntegrityError || error instanceof ProtocolError) neighbours.ban(peer, error)
    else if (error instanceof BusyError) {
      peer.pausedUntilMs = clock.monotonic() + Number(error.data['retryMs'] ?? 0)
    } else if (error instanceof NotFoundError) this.#lacks(peer)
    else if (error instanceof TimeoutError) {
      if (++peer.timeouts >= PEER_TIMEOUTS_MAX) neighbours.release(peer, error)
    } else if (!(error instanceof UnreachableError || error instanceof AbortedError))
      this.#events.broken(error)
  }

  /** It refused something that its bitmap promised: its grant check or its store says no. Start over with it. */
  #lacks(peer: SessionPeer): void {
    if (++peer.timeouts >= PEER_TIMEOUTS_MAX) {
      this.#components.neighbours.release(peer, new NotFoundError('peer does not give what it promised'))
    } else peer.pausedUntilMs = this.#components.clock.monotonic() + 1000
  }
}
