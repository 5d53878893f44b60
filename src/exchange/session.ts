import type { CallOptions } from '../core/blockstore.ts'
import type { Digest, ManifestId } from '../core/cid.ts'
import { AbortedError, BootswarmError, IntegrityError, UnreachableError } from '../core/errors.ts'
import { EXCHANGE_HELLO_TIMEOUT_MS, SESSION_STALL_MS, SESSION_TICK_MS } from '../core/limits.ts'
import { nearness } from '../core/nearness.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../core/router.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import type { Have, HaveParts } from '../wire/message-types.ts'
import type { Connection } from './connection.ts'
import { Fetcher } from './fetcher.ts'
import { MilestoneBook } from './milestones.ts'
import { Neighbours } from './neighbours.ts'
import { News } from './news.ts'
import { NodeFetcher } from './node-fetcher.ts'
import { loadManifest, type PlannerComponents, planSegments } from './planner.ts'
import { FetchPolicy } from './policy/fetch-policy.ts'
import { RelatedNeighbours, type RelatedSwarm } from './related-neighbours.ts'
import type { SessionComponents, SessionInit } from './session-components.ts'
import type { SessionPeer } from './session-peer.ts'
import { SessionSeeds } from './session-seeds.ts'
import { SessionStats } from './session-stats.ts'
import type { Swarm } from './swarm.ts'

/** Fetching one manifest from its swarm, until the store holds all of it. */
export class Session {
  readonly manifest: ManifestId
  readonly stats = new SessionStats()
  readonly milestones: MilestoneBook
  /** What its bytes are wanted for now: somebody may ask for what came in the background, or a VM wait for it. */
  class: TrafficClass
  readonly #components: SessionComponents
  readonly #neighbours: Neighbours
  readonly #related: RelatedNeighbours
  readonly #nodes: NodeFetcher
  readonly #seeds: SessionSeeds | undefined
  readonly #done = Promise.withResolvers<void>()
  readonly #prepared = Promise.withResolvers<Swarm | undefined>()
  #grant: string
  #swarm: Swarm | undefined
  #policy: FetchPolicy | undefined
  #fetcher: Fetcher | undefined
  #planned = false
  #news: News | undefined
  /** Peers of the own rack that are in the swarm. */
  readonly #mates = new Set<PeerKey>()
  #rackPlace: RackPlace | undefined
  #cancelTick = () => {}
  #ignoreDrops = () => {}
  #startedMs = 0
  #finished = false

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components
    this.manifest = init.manifest
    this.#grant = init.grant
    this.class = init.class
    const { clock, log, random, connect, labelsOf } = components
    this.milestones = new MilestoneBook(() => clock.monotonic())
    this.#neighbours = new Neighbours(
      { clock, log, random, connect, labelsOf, grant: () => this.#grant },
      {
        manifest: init.manifest,
        labels: components.labels,
        events: { joined: (peer) => this.#joined(peer), left: (peer) => this.#left(peer) },
      },
    )
    this.#related = new RelatedNeighbours(
      { clock, log, connect, isNeighbour: (peer) => this.#neighbours.has(peer) },
      { joined: (peer) => this.#relatedJoined(peer), left: (peer) => this.#left(peer) },
    )
    this.#nodes = new NodeFetcher({ neighbours: this.#neighbours, log, random })
    this.#seeds = components.seeds && new SessionSeeds(components.seeds)
    this.#done.promise.catch(() => {})
  }

  get swarm(): Swarm | undefined {
    return this.#swarm
  }

  /** The swarm, as soon as the manifest is known; undefined when the session ends before, or after some seconds. */
  prepared(): Promise<Swarm | undefined> {
    const late = Promise.withResolvers<undefined>()
    const cancel = this.#components.clock.after(EXCHANGE_HELLO_TIMEOUT_MS, () => late.resolve(undefined))
    return Promise.race([this.#prepared.promise, late.promise]).finally(cancel)
  }

  get peers(): number {
    return this.#neighbours.size
  }

  /** Peers dropped because their bytes or messages were wrong. */
  get banned(): string[] {
    return this.#neighbours.banned
  }

  /** Peers that may hold runs, and which one of its rack this peer is among them. May be called at any time, with known ones as well. */
  learn(addresses: readonly PeerAddress[], rack?: RackPlace): void {
    this.#neighbours.learn(addresses)
    const { labels, clock } = this.#components
    const mates = addresses.filter(
      (address) => nearness(address.labels, labels) === 2 && address.origin !== true,
    )
    for (const { peer } of mates) this.#mates.add(peer)
    if (mates.length > 0) this.#policy?.mates([...this.#mates], clock.monotonic())
    if (rack === undefined) return
    this.#rackPlace = rack
    this.#policy?.placed(rack, clock.monotonic())
  }

  /**
   * Another image with some of the same blocks, and who has it. May be called again, with a newer grant or other peers. Of an image that is whole here
   * nothing is missing that its peers could give, and each run would be asked for in vain before the origin gives it.
   */
  learnRelated(swarm: RelatedSwarm): void {
    if (!this.#components.holds(swarm.manifest)) this.#related.learn(swarm)
  }

  /** A peer has opened this swarm at our serving side. */
  welcome(connection: Connection): void {
    this.#neighbours.welcome(connection)
  }

  renew(grant: string): void {
    this.#grant = grant
    this.#neighbours.renew(grant)
  }

  /** Fetches everything. Errors: StorageFullError, StorageError, ManifestError, UnreachableError after a long stall, AbortedError. */
  async run(options: CallOptions = {}): Promise<Swarm> {
    const stop = () => {
      const reason: unknown = options.signal?.reason
      this.#done.reject(reason instanceof BootswarmError ? reason : new AbortedError('pull was stopped'))
    }
    if (options.signal?.aborted === true) stop()
    options.signal?.addEventListener('abort', stop, { once: true })
    this.#startedMs = this.#components.clock.monotonic()
    this.#tick()
    try {
      const swarm = await Promise.race([this.#prepare(), this.#failure()])
      void this.#plan(swarm).catch((error: unknown) => this.#done.reject(error))
      await this.#done.promise
      return swarm
    } finally {
      options.signal?.removeEventListener('abort', stop)
      await this.#finish()
    }
  }

  onHave(connection: Connection, message: Have | HaveParts): void {
    const peer = this.#neighbours.of(connection)
    if (peer === undefined || peer.id !== message.id) return
    const before = peer.fetch?.interest ?? 0
    message.runs.forEach((run, i) => {
      if (run >= peer.runs) return
      if (message.type === 'haveParts') this.#fetcher?.peerHas(peer, run, message.parts[i] ?? 0)
      else if (this.#fetcher === undefined) peer.have.set(run)
      else this.#fetcher.peerHas(peer, run)
    })
    // Only who was of no use, or has nothing to send, changes what is decided; of the others it is decided at their next answer.
    if (before === 0 || peer.fetch?.flightBytes === 0) this.#fetcher?.pump()
  }

  /** The other side needs the place in its swarm for somebody else. */
  onDismissed(connection: Connection, id: number): void {
    const peer = this.#neighbours.of(connection)
    if (peer?.id === id) this.#neighbours.dismissed(peer)
    else this.#related.dismissed(connection, id)
  }

  uses(connection: Connection): boolean {
    return this.#neighbours.of(connection) !== undefined || this.#related.uses(connection)
  }

  onClosed(connection: Connection): void {
    this.#neighbours.lost(connection)
    this.#related.lost(connection)
  }

  /** Rejects when the session fails before it is prepared. */
  async #failure(): Promise<never> {
    await this.#done.promise
    throw new AbortedError('pull was stopped')
  }

  async #prepare(): Promise<Swarm> {
    const manifest = await loadManifest(this.#planner(), this.manifest)
    if (this.#finished) throw new AbortedError('session has ended')
    const { random, clock, blocks, segments, verifier, buffers, rates } = this.#components
    const swarm = this.#components.swarmOf(this.manifest, manifest)
    this.milestones.mark('manifest')
    const { self, labels, labelsOf } = this.#components
    const nowMs = clock.monotonic()
    const policy = new FetchPolicy({
      ...{ runs: swarm.map.runs, random, nowMs, self },
      class: 'background',
    })
    policy.mates([...this.#mates], nowMs)
    if (this.#rackPlace !== undefined) policy.placed(this.#rackPlace, nowMs)
    this.#swarm = swarm
    this.#policy = policy
    const news = new News({ clock, policy }, (held, partly) => this.#tell(held, partly))
    this.#news = news
    this.#ignoreDrops = swarm.listenDrops((run) => this.#lost(run))
    this.#fetcher = new Fetcher(
      {
        ...{ blocks, segments, verifier, buffers, rates, clock, policy },
        nearness: (peer) => nearness(labelsOf(peer), labels),
      },
      {
        swarm,
        events: {
          stored: (run) => news.add(run),
          classOf: () => this.class,
          arrived: (peer, amount) => {
            this.milestones.mark('firstBlocks')
            this.stats.add(peer.origin, amount)
          },
          ban: (peer, reason) => this.#drop(peer, reason, { forGood: true }),
          release: (peer, reason) => this.#drop(peer, reason, { forGood: false }),
          broken: (error) => this.#done.reject(error),
        },
      },
    )
    for (const peer of this.#neighbours.all) this.#joined(peer)
    for (const peer of this.#related.all) this.#relatedJoined(peer)
    this.#prepared.resolve(swarm)
    return swarm
  }

  #planner(): PlannerComponents {
    const { blocks, nodes, segments } = this.#components
    const seeds = this.#seeds
    const parts = { blocks, nodes, segments, fetchNode: (digest: Digest) => this.#nodes.fetch(digest) }
    return seeds === undefined ? parts : { ...parts, bring: (digests) => seeds.bring(digests) }
  }

  async #plan(swarm: Swarm): Promise<void> {
    const { clock } = this.#components
    const partsPerRun = this.#policy?.partsPerRun ?? 1
    const use = { map: swarm.map, partsPerRun }
    for await (const plan of planSegments(this.#planner(), swarm.manifest, use)) {
      if (this.#finished) return
      this.stats.plan(plan)
      for (const run of plan.held) this.#policy?.held(run, clock.monotonic())
      for (const { run, parts } of plan.missing) {
        swarm.drop(run)
        this.#policy?.missing(run, clock.monotonic(), parts)
      }
      this.#announce(plan.held)
      this.#fetcher?.pump()
    }
    this.#planned = true
    this.milestones.mark('planned')
    this.#policy?.planned(clock.monotonic())
    this.#fetcher?.pump()
    this.#checkDone()
  }

  #joined(peer: SessionPeer): void {
    if (this.#swarm !== undefined && peer.runs !== this.#swarm.map.runs) {
      this.#neighbours.ban(peer, new IntegrityError('peer gives the manifest another number of runs'))
      return
    }
    this.milestones.mark('firstPeer')
    this.#fetcher?.joined(peer)
    if (peer.origin && this.#swarm !== undefined) {
      peer.connection.have({ id: peer.id, byOpener: true, runs: [...this.#swarm.have] })
    }
    this.#awake()
  }

  #relatedJoined(peer: SessionPeer): void {
    this.#fetcher?.joined(peer)
    this.#fetcher?.pump()
  }

  #drop(peer: SessionPeer, reason: Error, { forGood }: { forGood: boolean }): void {
    if (peer.related !== undefined) this.#related.drop(peer, reason, { forGood })
    else if (forGood) this.#neighbours.ban(peer, reason)
    else this.#neighbours.release(peer, reason)
  }

  #left(peer: SessionPeer): void {
    this.#fetcher?.left(peer)
  }

  /** A run that was held is not any more: it is fetched again. */
  #lost(run: number): void {
    this.#policy?.lost(run)
    this.#fetcher?.pump()
  }

  #tell(held: readonly number[], partly: ReadonlyMap<number, number>): void {
    this.#swarm?.holdParts(partly)
    this.#announce(held)
    this.#checkDone()
  }

  #announce(runs: readonly number[]): void {
    if (runs.length === 0) return
    this.#swarm?.hold(runs)
    this.milestones.holds(this.#swarm?.have.count ?? 0, this.#swarm?.map.runs ?? 0)
    for (const peer of this.#neighbours.all) {
      if (peer.origin) peer.connection.have({ id: peer.id, byOpener: true, runs })
    }
  }

  #checkDone(): void {
    if (this.#planned && this.#swarm?.complete === true) this.#done.resolve()
  }

  #tick(): void {
    this.#cancelTick = this.#components.clock.after(SESSION_TICK_MS, () => this.#tick())
    this.#neighbours.tick()
    this.#awake()
    const idleMs = this.#fetcher?.idleMs ?? this.#components.clock.monotonic() - this.#startedMs
    if (idleMs > SESSION_STALL_MS) {
      const missing = this.#policy?.missingRuns ?? 0
      this.#done.reject(
        new UnreachableError(
          `nobody gave anything for ${Math.round(idleMs / 1000)} s; ${missing} runs are missing`,
        ),
      )
    }
  }

  #awake(): void {
    this.#nodes.awake()
    this.#fetcher?.pump()
  }

  async #finish(): Promise<void> {
    this.#finished = true
    this.#cancelTick()
    this.#ignoreDrops()
    this.#nodes.stop()
    this.#prepared.resolve(undefined)
    await Promise.all([this.#fetcher?.stop(), this.#seeds?.stop()])
    this.#news?.flush()
    this.#neighbours.close()
    this.#related.close()
  }
}
