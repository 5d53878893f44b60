import type { CallOptions } from '../core/blockstore.ts'
import type { Digest, ManifestId } from '../core/cid.ts'
import { AbortedError, BootswarmError, UnreachableError } from '../core/errors.ts'
import { EXCHANGE_HELLO_TIMEOUT_MS, SESSION_STALL_MS, SESSION_TICK_MS } from '../core/limits.ts'
import type { PeerAddress, PeerKey, RackPlace } from '../core/router.ts'
import type { Segment } from '../core/segment.ts'
import type { TrafficClass } from '../core/traffic-class.ts'
import { unless } from '../util/unless.ts'
import type { Have, HaveParts } from '../wire/message-types.ts'
import type { ReadClass, WantedBlocks } from './block-read.ts'
import type { Connection } from './connection.ts'
import { Download } from './download.ts'
import { MilestoneBook } from './milestones.ts'
import { NodeFetcher } from './node-fetcher.ts'
import { loadManifest, type PlannerComponents } from './planner.ts'
import type { RelatedSwarm } from './related-neighbours.ts'
import type { SessionComponents, SessionInit } from './session-components.ts'
import { SessionPeers } from './session-peers.ts'
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
  readonly #peers: SessionPeers
  readonly #nodes: NodeFetcher
  readonly #seeds: SessionSeeds | undefined
  readonly #done = Promise.withResolvers<void>()
  readonly #prepared = Promise.withResolvers<Swarm | undefined>()
  #grant: string
  #download: Download | undefined
  #onDemand: boolean
  #fill: boolean
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
    const { clock, log, random } = components
    this.milestones = new MilestoneBook(() => clock.monotonic())
    this.#peers = new SessionPeers(components, {
      manifest: init.manifest,
      isUrgent: this.#onDemand,
      grant: () => this.#grant,
      arrived: () => {
        this.milestones.mark('firstPeer')
        this.#awake()
      },
    })
    this.#nodes = new NodeFetcher({ neighbours: this.#peers.neighbours, log, random })
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
    const opened = Promise.race([this.#prepared.promise, this.#failure()]).then(async (swarm) => {
      if (swarm === undefined) throw await this.#ending()
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

  /** Resolves when those of these blocks that are on their way here have landed; undefined when none is. `guestOf`: the peer whose guest waits for them. */
  landing(digests: readonly Digest[], guestOf?: PeerKey): Promise<unknown> | undefined {
    return this.#download?.landing(digests, guestOf)
  }

  /** A run lacks blocks that it had, because they were damaged: it is not told and served any more before they are here again. */
  lost(run: number): void {
    this.#download?.lost(run)
  }

  get peers(): number {
    return this.#peers.neighbours.size
  }

  /** Peers dropped because their bytes or messages were wrong. */
  get banned(): string[] {
    return this.#peers.neighbours.banned
  }

  /** Peers that may hold runs, and which one of its rack this peer is among them. May be called at any time, with known ones as well. */
  learn(addresses: readonly PeerAddress[], rack?: RackPlace): void {
    this.#peers.learn(addresses, rack)
  }

  /**
   * Another image with some of the same blocks, and who has it. May be called again, with a newer grant or other peers. Of an image that is whole here
   * nothing is missing that its peers could give, and each run would be asked for in vain before the origin gives it.
   */
  learnRelated(swarm: RelatedSwarm): void {
    this.#peers.learnRelated(swarm)
  }

  /** A peer has opened this swarm at our serving side. */
  welcome(connection: Connection): void {
    this.#peers.neighbours.welcome(connection)
  }

  renew(grant: string): void {
    this.#grant = grant
    this.#peers.neighbours.renew(grant)
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
    const peer = this.#peers.neighbours.of(connection)
    if (peer === undefined || peer.id !== message.id) return
    if (this.#download !== undefined) return this.#download.told(peer, message)
    if (message.type === 'have') for (const run of message.runs) if (run < peer.runs) peer.have.set(run)
  }

  /** The other side needs the place in its swarm for somebody else. */
  onDismissed(connection: Connection, id: number): void {
    this.#peers.dismissed(connection, id)
  }

  uses(connection: Connection): boolean {
    return this.#peers.uses(connection)
  }

  onClosed(connection: Connection): void {
    this.#peers.lost(connection)
  }

  async #opened(options: CallOptions): Promise<Download> {
    if (this.#download === undefined) await this.opened(options)
    if (this.#download === undefined || this.#finished) throw await this.#ending()
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
        neighbours: () => this.#peers.neighbours.all,
      },
      {
        swarm,
        fill: this.#fill,
        events: {
          classOf: () => this.class,
          drop: (peer, reason, how) => this.#peers.drop(peer, reason, how),
          failed: (error) => this.#done.reject(error),
          complete: () => this.#done.resolve(),
        },
      },
    )
    this.#download = download
    this.#peers.serve(download)
    this.#prepared.resolve(swarm)
    return swarm
  }

  #planner(): PlannerComponents {
    const { blocks, nodes, segments } = this.#components
    const seeds = this.#seeds
    const parts = { blocks, nodes, segments, fetchNode: (digest: Digest) => this.#nodes.fetch(digest) }
    if (seeds === undefined) return parts
    return { ...parts, bring: (digests) => seeds.bring(digests, { spares: this.#onDemand }) }
  }

  #tick(): void {
    this.#cancelTick = this.#components.clock.after(SESSION_TICK_MS, () => this.#tick())
    this.#peers.neighbours.tick()
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
    this.#peers.close()
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
