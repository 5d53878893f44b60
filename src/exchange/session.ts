import type { CallOptions } from '../core/blockstore.ts'
import type { Digest, ManifestId } from '../core/cid.ts'
import { AbortedError, BootswarmError, IntegrityError, UnreachableError } from '../core/errors.ts'
import {
  EXCHANGE_HELLO_TIMEOUT_MS,
  RACK_NAMES_MAX,
  SESSION_STALL_MS,
  SESSION_TICK_MS,
} from '../core/limits.ts'
import { nearness } from '../core/nearness.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../core/router.ts'
import type { Segment } from '../core/segment.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import { RecentSet } from '../util/recent-set.ts'
import { unless } from '../util/unless.ts'
import type { Have, HaveParts } from '../wire/message-types.ts'
import type { ReadClass, WantedBlocks } from './block-read.ts'
import type { Connection } from './connection.ts'
import { Download } from './download.ts'
import { MilestoneBook } from './milestones.ts'
import { Neighbours } from './neighbours.ts'
import { NodeFetcher } from './node-fetcher.ts'
import { loadManifest, type PlannerComponents } from './planner.ts'
import { RelatedNeighbours, type RelatedSwarm } from './related-neighbours.ts'
import type { SessionComponents, SessionInit } from './session-components.ts'
import type { SessionPeer } from './session-peer.ts'
import { SessionSeeds } from './session-seeds.ts'
import { SessionStats } from './session-stats.ts'
import type { Swarm } from './swarm.ts'

/** Taking part in the swarm of one manifest, until the store holds all of it: fetches everything, or on demand only what is read. */
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
  #download: Download | undefined
  #onDemand: boolean
  #fill: boolean
  /** Peers of the own rack that are in the swarm, those that were heard of last. */
  readonly #mates = new RecentSet<PeerKey>({ max: RACK_NAMES_MAX })
  #rackPlace: RackPlace | undefined
  #cancelTick = () => {}
  #startedMs = 0
  #finished = false

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components
    this.manifest = init.manifest
    this.#grant = init.grant
    this.class = init.class
    this.#onDemand = init.onDemand === true
    this.#fill = !this.#onDemand
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
    return this.#download?.swarm
  }

  /** Whether it is known what is missing. */
  get planned(): boolean {
    return this.#download?.planned === true
  }

  /** Whether nobody has asked for all of it: then it never gives up, and waits for peers while nothing can be had. */
  get onDemand(): boolean {
    return this.#onDemand
  }

  /** The swarm, as soon as the manifest is known; undefined when the session ends before, or after some seconds. */
  prepared(): Promise<Swarm | undefined> {
    const late = Promise.withResolvers<undefined>()
    const cancel = this.#components.clock.after(EXCHANGE_HELLO_TIMEOUT_MS, () => late.resolve(undefined))
    return Promise.race([this.#prepared.promise, late.promise]).finally(cancel)
  }

  /** The manifest's swarm, however long it takes. Errors: those of the session, when it ends before; AbortedError or the reason of the signal. */
  async opened({ signal }: CallOptions = {}): Promise<Swarm> {
    const opened = Promise.race([this.#prepared.promise, this.#failure()]).then((swarm) => {
      if (swarm === undefined) throw new AbortedError('session has ended')
      return swarm
    })
    return await (signal === undefined ? opened : unless(signal, opened))
  }

  /** Somebody asks for all of it after all: it is fetched, and no more in the background. */
  demand(): void {
    this.#onDemand = false
    this.class = 'requested'
    this.fill(true)
  }

  /** Whether what nobody has read is fetched as well: in the background, which pauses while guests read. */
  fill(on: boolean): void {
    this.#fill = on
    this.#download?.fill(on)
  }

  /**
   * Resolves when these blocks are in the store, with the bytes of those that were fetched for this call. They are wanted ahead of everything else, from whoever has them, once for
   * all who read them; waits while nobody does. Errors: AbortedError or the reason of the signal; those of the session when it ends before; those of the store.
   */
  async read(wanted: WantedBlocks, options: CallOptions & { class: ReadClass }): Promise<number> {
    return await (await this.#opened(options)).read(wanted, options)
  }

  /** A segment, fetched when it is not here. Errors: as `read`, ManifestError. */
  async segment(index: number, options: CallOptions = {}): Promise<Segment> {
    const segment = (await this.#opened(options)).segment(index)
    return await (options.signal === undefined ? segment : unless(options.signal, segment))
  }

  /** Resolves when those of these blocks that are on their way here have landed; undefined when none is. */
  landing(digests: readonly Digest[]): Promise<unknown> | undefined {
    return this.#download?.landing(digests)
  }

  /** A run lacks blocks that it had, because they were damaged: it is not told and served any more before they are here again. */
  lost(run: number): void {
    this.#download?.lost(run)
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
    const { labels } = this.#components
    const mates = addresses.filter(
      (address) => nearness(address.labels, labels) === 2 && address.origin !== true,
    )
    for (const { peer } of mates) this.#mates.add(peer)
    if (mates.length > 0) this.#download?.mates([...this.#mates])
    if (rack === undefined) return
    this.#rackPlace = rack
    this.#download?.placed(rack)
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
      void this.#download?.plan().catch((error: unknown) => this.#done.reject(error))
      await this.#done.promise
      return swarm
    } catch (error) {
      this.#done.reject(error)
      throw error
    } finally {
      options.signal?.removeEventListener('abort', stop)
      await this.#finish()
    }
  }

  onHave(connection: Connection, message: Have | HaveParts): void {
    const peer = this.#neighbours.of(connection)
    if (peer === undefined || peer.id !== message.id) return
    if (this.#download !== undefined) return this.#download.told(peer, message)
    if (message.type === 'have') for (const run of message.runs) if (run < peer.runs) peer.have.set(run)
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

  async #opened(options: CallOptions): Promise<Download> {
    if (this.#download === undefined) await this.opened(options)
    if (this.#download === undefined || this.#finished) throw new AbortedError('session has ended')
    return this.#download
  }

  /** Rejects when the session fails before it is prepared. */
  async #failure(): Promise<never> {
    await this.#done.promise
    throw new AbortedError('pull was stopped')
  }

  async #prepare(): Promise<Swarm> {
    const manifest = await loadManifest(this.#planner(), this.manifest)
    if (this.#finished) throw new AbortedError('session has ended')
    const swarm = this.#components.swarmOf(this.manifest, manifest)
    this.milestones.mark('manifest')
    const { stats, milestones } = this
    const download = new Download(
      {
        ...{ ...this.#components, stats, milestones, planner: this.#planner() },
        neighbours: () => this.#neighbours.all,
      },
      {
        swarm,
        fill: this.#fill,
        events: {
          classOf: () => this.class,
          drop: (peer, reason, how) => this.#drop(peer, reason, how),
          failed: (error) => this.#done.reject(error),
          complete: () => this.#done.resolve(),
        },
      },
    )
    download.mates([...this.#mates])
    if (this.#rackPlace !== undefined) download.placed(this.#rackPlace)
    this.#download = download
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

  #joined(peer: SessionPeer): void {
    if (this.swarm !== undefined && peer.runs !== this.swarm.map.runs) {
      this.#neighbours.ban(peer, new IntegrityError('peer gives the manifest another number of runs'))
      return
    }
    this.milestones.mark('firstPeer')
    this.#download?.joined(peer)
    this.#awake()
  }

  #relatedJoined(peer: SessionPeer): void {
    this.#download?.joined(peer)
    this.#download?.pump()
  }

  #drop(peer: SessionPeer, reason: Error, { forGood }: { forGood: boolean }): void {
    if (peer.related !== undefined) this.#related.drop(peer, reason, { forGood })
    else if (forGood) this.#neighbours.ban(peer, reason)
    else this.#neighbours.release(peer, reason)
  }

  #left(peer: SessionPeer): void {
    this.#download?.left(peer)
  }

  #tick(): void {
    this.#cancelTick = this.#components.clock.after(SESSION_TICK_MS, () => this.#tick())
    this.#neighbours.tick()
    this.#awake()
    if (this.#onDemand) return
    const idleMs = this.#download?.idleMs ?? this.#components.clock.monotonic() - this.#startedMs
    if (idleMs > SESSION_STALL_MS) {
      const missing = this.#download?.missingRuns ?? 0
      this.#done.reject(
        new UnreachableError(
          `nobody gave anything for ${Math.round(idleMs / 1000)} s; ${missing} runs are missing`,
        ),
      )
    }
  }

  #awake(): void {
    this.#nodes.awake()
    this.#download?.pump()
  }

  async #finish(): Promise<void> {
    this.#finished = true
    this.#cancelTick()
    this.#nodes.stop()
    this.#prepared.resolve(undefined)
    const ended = await this.#ending()
    await Promise.all([this.#download?.stop(ended), this.#seeds?.stop()])
    this.#neighbours.close()
    this.#related.close()
  }
  /** Why reads that still wait fail. */
  async #ending(): Promise<Error> {
    return await this.#done.promise.then(
      () => new AbortedError('session has ended'),
      (error: unknown) =>
        error instanceof BootswarmError ? error : new AbortedError('session has ended', { cause: error }),
    )
  }
}
