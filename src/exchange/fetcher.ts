import { Bitmap } from '../core/bitmap.ts'
import type { Clock } from '../core/clock.ts'
import { NotFoundError, TimeoutError } from '../core/errors.ts'
import type { Nearness } from '../core/nearness.ts'
import type { PeerKey } from '../core/router.ts'
import { faultOf, retryMsOf } from './peer-want.ts'
import type { FetchPeer } from './policy/fetch-peer.ts'
import type { FetchPolicy } from './policy/fetch-policy.ts'
import type { Decision, Want, WantFailure } from './policy/want.ts'
import type { SessionPeer } from './session-peer.ts'
import type { Swarm } from './swarm.ts'
import { WantFetch, type WantFetchComponents, type WantFetchEvents } from './want-fetch.ts'

export interface FetcherComponents extends WantFetchComponents {
  /** How near a peer is, by its pass. */
  nearness(peer: PeerKey): Nearness
}

export interface FetcherEvents extends Omit<WantFetchEvents, 'answered'> {
  /** Milliseconds for which nothing is to be wanted; infinite until `pump` is called. */
  holdMs(nowMs: number): number
  /** Its bytes or messages were wrong: it is not asked again in this session. */
  ban(peer: SessionPeer, reason: Error): void
  /** It does not give what it promised; it may come back. */
  release(peer: SessionPeer, reason: Error): void
}

/** Does what the policy decides: fetches wants, asks origins, lets peers go, and tells the policy what failed. */
export class Fetcher {
  readonly #components: FetcherComponents
  readonly #policy: FetchPolicy
  readonly #clock: Clock
  readonly #events: FetcherEvents
  readonly #peers = new Map<FetchPeer, SessionPeer>()
  readonly #wants: WantFetch
  #cancelWake = () => {}
  /** When `pump` is called at the latest; infinite without a timer. */
  #wakeMs = Number.POSITIVE_INFINITY
  #stopped = false
  /** Nothing was wanted for a while because there was something better to do. */
  #held = false

  constructor(components: FetcherComponents, init: { swarm: Swarm; events: FetcherEvents }) {
    this.#components = components
    this.#policy = components.policy
    this.#clock = components.clock
    this.#events = init.events
    this.#wants = new WantFetch(components, {
      swarm: init.swarm,
      events: {
        stored: (run) => this.#events.stored(run),
        arrived: (peer, amount) => this.#events.arrived(peer, amount),
        answered: () => this.pump(),
        classOf: () => this.#events.classOf(),
        broken: (error) => {
          this.#stopped = true
          this.#events.broken(error)
        },
      },
    })
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
    for (const want of this.#wants.pending) this.#cancel(want, 'session has ended')
    await this.#wants.stop()
  }

  /** Does all that the policy decides now. */
  pump(): void {
    if (this.#stopped) return
    const nowMs = this.#clock.monotonic()
    const holdMs = this.#events.holdMs(nowMs)
    if (holdMs > 0) return this.#hold(holdMs)
    if (this.#held) this.#policy.resumed(nowMs)
    this.#held = false
    const waitMs = this.#components.rates.waitMs(this.#events.classOf(), nowMs)
    if (waitMs > 0) return this.#wakeAfter(waitMs)
    for (let next = this.#policy.next(nowMs); next !== undefined; next = this.#policy.next(nowMs))
      this.#do(next)
    this.#wakeAfter(this.#policy.wakeMs - nowMs)
  }

  #hold(ms: number): void {
    this.#held = true
    if (ms !== Number.POSITIVE_INFINITY) this.#wakeAfter(ms)
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
    this.#wants.cancel(want, this.#peers.get(want.peer), reason)
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
      if (starving) this.#wants.fellBack(runs)
      this.#policy.assigned(ask.peer, runs.slice(0, count), { nowMs: this.#clock.monotonic(), retryMs })
    } catch (error) {
      this.#policy.askFailed(ask.peer, this.#failure(peer, error), this.#whenOf(error))
    }
    this.pump()
  }

  async #fetch(peer: SessionPeer, want: Want): Promise<void> {
    try {
      await this.#wants.fetch(peer, want)
    } catch (error) {
      if (peer.related !== undefined && error instanceof NotFoundError) this.#lacked(want)
      else this.#policy.failed(want, this.#failure(peer, error), this.#whenOf(error))
    }
    this.pump()
  }

  #lacked(want: Want): void {
    this.#policy.lacked(want, this.#clock.monotonic())
  }

  /** What the policy is told of an error; a peer whose bytes or messages were wrong is dropped here. */
  #failure(peer: SessionPeer, error: unknown): WantFailure {
    const fault = faultOf(error)
    if (fault === 'wrong') this.#events.ban(peer, error as Error)
    else if (fault === 'ours') this.#events.broken(error)
    else if (fault !== 'gone') return fault
    return 'lost'
  }

  #whenOf(error: unknown): { nowMs: number; retryMs: number } {
    return { nowMs: this.#clock.monotonic(), retryMs: retryMsOf(error) }
  }
}
