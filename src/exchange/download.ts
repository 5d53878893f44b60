import type { CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import { NotFoundError } from '../core/errors.ts'
import { PLAN_AT_ONCE_SEGMENTS_MAX, PLAN_WAIT_MS } from '../core/limits.ts'
import { nearness } from '../core/nearness.ts'
import type { PeerKey, RackPlace } from '../core/router.ts'
import type { Segment } from '../core/segment.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import type { Have, HaveParts } from '../wire/message-types.ts'
import type { ReadClass, WantedBlocks } from './block-read.ts'
import { BlockReads } from './block-reads.ts'
import { Fetcher } from './fetcher.ts'
import { Flights } from './flights.ts'
import { leisure } from './leisure.ts'
import type { MilestoneBook } from './milestones.ts'
import { News } from './news.ts'
import { blocksOfRun, ensureSegment, type PlannerComponents, planSegments } from './planner.ts'
import { FetchPolicy } from './policy/fetch-policy.ts'
import type { SessionComponents } from './session-components.ts'
import type { SessionPeer } from './session-peer.ts'
import type { SessionStats } from './session-stats.ts'
import type { Swarm } from './swarm.ts'

export interface DownloadComponents extends SessionComponents {
  planner: PlannerComponents
  stats: SessionStats
  milestones: MilestoneBook
  /** Neighbours in the swarm itself. */
  neighbours(): readonly SessionPeer[]
}

export interface DownloadEvents {
  classOf(): TrafficClass
  drop(peer: SessionPeer, reason: Error, how: { forGood: boolean }): void
  failed(error: unknown): void
  /** Every run is here. */
  complete(): void
}

export interface DownloadInit {
  readonly swarm: Swarm
  /** Whether everything is fetched from the beginning. */
  readonly fill: boolean
  readonly events: DownloadEvents
}

/** Getting the runs of one manifest that is known: plans what is missing, fetches it, or only what is read, and tells the neighbours what is here. */
export class Download {
  readonly swarm: Swarm
  readonly #components: DownloadComponents
  readonly #events: DownloadEvents
  readonly #policy: FetchPolicy
  readonly #flights = new Flights()
  readonly #fetcher: Fetcher
  readonly #reads: BlockReads
  readonly #news: News
  readonly #ignoreDrops: () => void
  readonly #filling = Promise.withResolvers<void>()
  #fill: boolean
  #planned = false
  #stopped = false

  constructor(components: DownloadComponents, init: DownloadInit) {
    const { clock, random, self } = components
    const { swarm, events } = init
    this.#components = components
    this.#events = events
    this.swarm = swarm
    this.#fill = init.fill
    if (init.fill) this.#filling.resolve()
    const nowMs = clock.monotonic()
    const policy = new FetchPolicy({
      ...{ runs: swarm.map.runs, random, nowMs, self },
      class: 'background',
    })
    this.#policy = policy
    this.#news = new News({ clock, policy }, (held, partly) => this.#tell(held, partly))
    this.#fetcher = this.#makeFetcher(this.#flights)
    this.#reads = this.#makeReads(this.#flights)
    this.#ignoreDrops = swarm.listenDrops((run) => this.#dropped(run))
  }

  get planned(): boolean {
    return this.#planned
  }

  /** Milliseconds since something arrived or was planned. */
  get idleMs(): number {
    return this.#fetcher.idleMs
  }

  get missingRuns(): number {
    return this.#policy.missingRuns
  }

  mates(keys: readonly PeerKey[]): void {
    this.#policy.mates(keys, this.#nowMs)
  }

  placed(rack: RackPlace): void {
    this.#policy.placed(rack, this.#nowMs)
  }

  joined(peer: SessionPeer): void {
    this.#fetcher.joined(peer)
    if (peer.origin) peer.connection.have({ id: peer.id, byOpener: true, runs: [...this.swarm.have] })
  }

  left(peer: SessionPeer): void {
    this.#fetcher.left(peer)
    this.#reads.pump()
  }

  /** A neighbour has told what it holds. */
  told(peer: SessionPeer, message: Have | HaveParts): void {
    const before = peer.fetch?.interest ?? 0
    message.runs.forEach((run, i) => {
      if (run >= peer.runs) return
      if (message.type === 'haveParts') this.#fetcher.peerHas(peer, run, message.parts[i] ?? 0)
      else this.#fetcher.peerHas(peer, run)
    })
    // Only who was of no use, or has nothing to send, changes what is decided; of the others it is decided at their next answer.
    if (before === 0 || peer.fetch?.flightBytes === 0) this.#fetcher.pump()
    this.#reads.pump()
  }

  pump(): void {
    this.#reads.pump()
    this.#fetcher.pump()
  }

  /** Whether everything is fetched, not only what is read. */
  fill(on: boolean): void {
    this.#fill = on
    if (on) this.#policy.resumed(this.#nowMs)
    if (on) this.#filling.resolve()
    this.pump()
  }

  /** See Flights. A peer whose guest waits for what nobody brings here goes on to an origin. */
  landing(digests: readonly Digest[], guestOf?: PeerKey): Promise<unknown> | undefined {
    const landing = this.#flights.landing(digests)
    if (landing === undefined && guestOf !== undefined) this.#reads.sought(digests, guestOf)
    return landing
  }

  /** See BlockReads. */
  read(wanted: WantedBlocks, options: CallOptions & { class: ReadClass }): Promise<number> {
    return this.#reads.read(wanted, options)
  }

  /** A segment, fetched when its node is not here. */
  async segment(index: number): Promise<Segment> {
    const link = this.swarm.manifest.segments[index]
    if (link === undefined) throw new NotFoundError('no such segment')
    return await ensureSegment(this.#components.planner, link)
  }

  /** A run lacks blocks that it had. */
  lost(run: number): void {
    this.swarm.drop(run)
    this.#policy.lost(run)
    this.pump()
  }

  /** Finds out what is missing. The segments of a very large image are only looked at when all of it is fetched. */
  async plan(): Promise<void> {
    const { swarm } = this
    if (swarm.manifest.segments.length > PLAN_AT_ONCE_SEGMENTS_MAX) await this.#filling.promise
    const { planner, stats, milestones } = this.#components
    const use = { map: swarm.map, partsPerRun: this.#policy.partsPerRun }
    const untilMs = this.#nowMs + PLAN_WAIT_MS
    await this.#leisure(untilMs)
    for await (const plan of planSegments(planner, swarm.manifest, use)) {
      if (this.#stopped) return
      stats.plan(plan)
      for (const run of plan.held) this.#policy.held(run, this.#nowMs)
      for (const { run, parts } of plan.missing) {
        swarm.drop(run)
        this.#policy.missing(run, this.#nowMs, parts)
      }
      this.#announce(plan.held)
      this.#fetcher.pump()
      await this.#leisure(untilMs)
    }
    this.#planned = true
    milestones.mark('planned')
    this.#policy.planned(this.#nowMs)
    this.#fetcher.pump()
    this.#checkDone()
  }

  /** Resolves when nothing is being stored any more. Reads fail with the reason. */
  async stop(reason: Error): Promise<void> {
    this.#stopped = true
    this.#filling.resolve()
    this.#ignoreDrops()
    await Promise.all([this.#reads.stop(reason), this.#fetcher.stop()])
    this.#news.flush()
  }

  get #nowMs(): number {
    return this.#components.clock.monotonic()
  }

  #makeFetcher(flights: Flights): Fetcher {
    const { blocks, segments, verifier, buffers, rates, clock, labels, labelsOf } = this.#components
    return new Fetcher(
      {
        ...{ blocks, segments, verifier, buffers, rates, clock, flights, policy: this.#policy },
        nearness: (peer) => nearness(labelsOf(peer), labels),
      },
      {
        swarm: this.swarm,
        events: {
          ...this.#peerEvents(),
          stored: (run) => this.#news.add(run),
          classOf: () => this.#events.classOf(),
          holdMs: (nowMs) => this.#holdMs(nowMs),
          broken: (error) => this.#events.failed(error),
        },
      },
    )
  }

  #makeReads(flights: Flights): BlockReads {
    const { blocks, verifier, buffers, rates, clock } = this.#components
    return new BlockReads(
      {
        ...{ blocks, verifier, buffers, rates, clock, flights },
        blocksOf: (run) => blocksOfRun(this.#components, this.swarm, run),
        peers: () => this.#components.neighbours(),
        isHeld: (run) => this.swarm.have.has(run),
      },
      {
        partsPerRun: this.#policy.partsPerRun,
        self: this.#components.self,
        awaitsGuest: !this.#fill,
        events: {
          ...this.#peerEvents(),
          lost: (run) => this.lost(run),
          stored: (run, parts) => {
            this.#policy.found(run, parts, this.#nowMs)
            if (!this.swarm.have.has(run)) this.#news.add(run)
          },
        },
      },
    )
  }

  #peerEvents(): Pick<ConstructorParameters<typeof BlockReads>[1]['events'], 'arrived' | 'ban' | 'release'> {
    const { milestones, stats } = this.#components
    return {
      arrived: (peer, amount) => {
        milestones.mark('firstBlocks')
        stats.add(peer.origin, amount)
      },
      ban: (peer, reason) => this.#events.drop(peer, reason, { forGood: true }),
      release: (peer, reason) => this.#events.drop(peer, reason, { forGood: false }),
    }
  }

  /** Who fetches in the background leaves the link to guests, and for a moment after them. */
  #holdMs(nowMs: number): number {
    if (!this.#fill) return Number.POSITIVE_INFINITY
    return this.#events.classOf() === 'background' ? this.#reads.holdMs(nowMs) : 0
  }

  /** Looking through segments takes link and processor: who does it in the background leaves them to guests, of which the first reads in a moment. */
  async #leisure(untilMs: number): Promise<void> {
    const mayWait = () => this.#events.classOf() === 'background' && !this.#stopped
    const holdMs = () => (mayWait() ? this.#reads.holdMs(this.#nowMs) : 0)
    await leisure(this.#components, { holdMs, untilMs })
  }

  /** A run that was held is not any more: it is fetched again. */
  #dropped(run: number): void {
    this.#policy.lost(run)
    this.#fetcher.pump()
  }

  #tell(held: readonly number[], partly: ReadonlyMap<number, number>): void {
    this.swarm.holdParts(partly)
    this.#announce(held)
    this.#checkDone()
  }

  #announce(runs: readonly number[]): void {
    if (runs.length === 0) return
    this.swarm.hold(runs)
    this.#components.milestones.holds(this.swarm.have.count, this.swarm.map.runs)
    for (const peer of this.#components.neighbours()) {
      if (peer.origin) peer.connection.have({ id: peer.id, byOpener: true, runs })
    }
  }

  #checkDone(): void {
    if (this.#planned && this.swarm.complete) this.#events.complete()
  }
}
