import type { PullProgress, PullResult } from '../src/api/node-schemas.ts'
import type { CallOptions } from '../src/core/blockstore.ts'
import type { ManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import {
  AbortedError,
  BootswarmError,
  NotAuthorisedError,
  NotFoundError,
  StateError,
} from '../src/core/errors.ts'
import { REFUSED_RETRY_MS, RESUME_RETRY_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { parseReference, type Reference } from '../src/core/reference.ts'
import type { PeerAddress, Router } from '../src/core/router.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import type { JoinAnswer, Joiner } from './joiner.ts'
import type { PullTotals } from './metrics.ts'
import { Pull } from './pull.ts'
import { added } from './pull-totals.ts'
import type { RelatedFinder } from './related-finder.ts'
import type { Joined } from './tracker-link.ts'

export interface PullerComponents {
  catalog: ImageCatalog
  exchange: Exchange
  joiner: Joiner
  /** The tracker, then the DHT. */
  router: Router
  /** While the tracker is away: peers that this node knows from before, whatever they have. */
  known(): Promise<readonly PeerAddress[]>
  related: Pick<RelatedFinder, 'follow'>
  clock: Clock
  log: Log
  /** Resolves when what was stored so far is on the disk. */
  synced(): Promise<void>
  /** A pull has begun. */
  began(): void
  /** An image has become complete here. */
  completed(manifest: ManifestId): void
}

interface Running {
  pull: Pull
  result: Promise<PullResult>
}

/** Starts pulls, shares one among all who ask for the same manifest, takes them up again after a restart. */
export class Puller {
  readonly #components: PullerComponents
  readonly #running = new Map<ManifestId, Running>()
  readonly #totals: PullTotals = {
    fromOrigin: 0,
    fromPeers: 0,
    duplicate: 0,
    fallback: 0,
    seeded: 0,
    corruptPeers: 0,
  }
  #stopped = false
  #paused = false

  constructor(components: PullerComponents) {
    this.#components = components
  }

  running(): Pull[] {
    return [...this.#running.values()].map(({ pull }) => pull)
  }

  /** Sums over all pulls since the start. */
  totals(): PullTotals {
    return this.running().reduce(added, this.#totals)
  }

  progress(): PullProgress[] {
    return this.running().map((pull) => pull.progress())
  }

  /**
   * Begins, or joins, the pull of an image; with `delegation` by the right of a user; in the `background` while nobody else asks for it. Errors: those of the tracker; StateError
   * while stopping or collecting garbage.
   */
  async start(
    reference: Reference,
    options: { delegation?: string | undefined; background?: boolean } = {},
  ): Promise<{ pull: Pull; result: Promise<PullResult> }> {
    this.#checkOpen()
    const { delegation } = options
    const { joined, entry } = await this.#components.joiner.join(reference, { delegation })
    await this.#left(joined.manifest)
    const running = this.#running.get(joined.manifest)
    const urgency = options.background === true ? 'background' : 'requested'
    if (running !== undefined) return await this.#take(running, entry, urgency)
    this.#checkOpen()
    const { exchange, clock } = this.#components
    const { manifest, grant } = joined
    const session = exchange.openSession({ manifest, grant, class: urgency })
    return this.#begin(new Pull({ clock, session }), { ...entry, onDemand: false }, joined)
  }

  /**
   * Takes part in the swarm of an image without fetching it, for disks that are read; or joins what is under way with it; undefined when all of it is here. Errors: as `start`; GrantError when the tracker is away and what
   * it said before does not hold any more.
   */
  async open(
    reference: Reference,
    options: { delegation?: string | undefined; answer?: JoinAnswer | undefined } = {},
  ): Promise<{ pull: Pull | undefined; entry: CatalogEntry }> {
    this.#checkOpen()
    const { joiner, exchange, clock, catalog } = this.#components
    const { delegation, answer } = options
    const { joined, entry, away } = answer ?? (await joiner.join(reference, { delegation }))
    if (away && !entry.complete) await joiner.checkGrant(entry)
    const { manifest, grant } = joined
    await this.#left(manifest)
    const running = this.#running.get(manifest)
    const isWanted = this.#isWanted(entry)
    if (running !== undefined || entry.complete) {
      await catalog.save({ ...entry, onDemand: running?.pull.session.onDemand === true && !isWanted })
      return { pull: running?.pull, entry }
    }
    this.#checkOpen()
    const session = exchange.openSession({ manifest, grant, class: 'background', onDemand: true })
    const pull = new Pull({ clock, session })
    this.#begin(pull, { ...entry, onDemand: !isWanted }, joined)
    return { pull, entry }
  }

  /** Resolves when nothing of the manifest is being stopped: nobody joins what is about to end. */
  async #left(manifest: ManifestId): Promise<void> {
    for (;;) {
      const running = this.#running.get(manifest)
      if (running?.pull.signal.aborted !== true) return
      await running.result.catch(() => {})
    }
  }

  #begin(pull: Pull, entry: CatalogEntry, joined: Joined): Running {
    const result = this.#run(pull, entry, joined)
    result.catch(() => {})
    const started = { pull, result: result.finally(() => this.#ended(pull)) }
    started.result.catch(() => {})
    this.#running.set(joined.manifest, started)
    this.#components.began()
    return started
  }

  /** All of an image is wanted that is on its way already, or of which so far only parts were. */
  async #take(running: Running, entry: CatalogEntry, urgency: 'requested' | 'background'): Promise<Running> {
    const { session } = running.pull
    if (session.onDemand) session.demand()
    if (urgency === 'requested') session.class = urgency
    const { catalog } = this.#components
    for (const known of catalog.withManifest(session.manifest))
      if (known.onDemand === true) await catalog.update(known, { onDemand: false })
    return this.#follow(running, entry)
  }

  /** Another name of a manifest that is being pulled already: it is complete with it. */
  #follow({ pull, result }: Running, entry: CatalogEntry): Running {
    const { catalog } = this.#components
    const reference = `${entry.namespace}/${entry.name}@${entry.version}`
    const followed = catalog.save(entry).then(async () => {
      const done = await result
      await catalog.update(entry, { complete: true, onDemand: false })
      return { ...done, reference, version: entry.version }
    })
    followed.catch(() => {})
    return { pull, result: followed }
  }

  /** Keeps new pulls out while `work` runs. Throws StateError when one is under way; a disk that is read on demand is none once all its segments are here. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const busy = this.running().some(({ session }) => !session.onDemand || !session.planned)
    if (this.#paused || busy) {
      throw new StateError('a pull is under way: try again when it has ended')
    }
    this.#paused = true
    try {
      return await work()
    } finally {
      this.#paused = false
    }
  }

  /** Takes up what a stop or a crash has interrupted; tries again for as long as the tracker is away. What was read on demand alone is opened again by its disk. */
  resume(): void {
    const open = this.#components.catalog.all().filter((entry) => !entry.complete && entry.onDemand !== true)
    for (const entry of open) void this.#resume(entry)
  }

  /** Blocks of an image have turned out damaged: where all of it was here, what is missing is fetched again. Does not throw. */
  async lost(manifest: ManifestId): Promise<void> {
    const { catalog, log } = this.#components
    for (const entry of catalog.withManifest(manifest).filter(({ complete }) => complete)) {
      log.warn(
        { image: entry.name, version: entry.version },
        'blocks of an image were damaged: fetching them again',
      )
      await catalog
        .update(entry, { complete: false })
        .catch((error: unknown) =>
          log.error({ image: entry.name, err: error }, 'could not note that an image lacks blocks'),
        )
      void this.#resume({ ...entry, complete: false })
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const running = [...this.#running.values()]
    for (const { pull } of running) pull.stop()
    await Promise.allSettled(running.map(({ result }) => result))
  }

  /** This node may fetch nothing any more. */
  stopAll(reason: Error): void {
    for (const pull of this.running()) pull.stop(reason)
  }

  #checkOpen(): void {
    if (this.#stopped) throw new StateError('the node is stopping')
    if (this.#paused) throw new StateError('garbage is being collected: try again in a moment')
  }

  async #resume(entry: CatalogEntry): Promise<void> {
    const { clock, log } = this.#components
    const text = `${entry.namespace}/${entry.name}@${entry.version}`
    try {
      const { result } = await this.start(parseReference(text), { delegation: entry.delegation })
      await result
      log.info({ image: text }, 'resumed and completed an image')
    } catch (error) {
      if (this.#stopped || error instanceof AbortedError) return
      log.warn({ image: text, err: describe(error) }, 'could not resume an image')
      if (error instanceof NotFoundError) return
      const retryMs = error instanceof NotAuthorisedError ? REFUSED_RETRY_MS : RESUME_RETRY_MS
      clock.after(retryMs, () => void this.#resumeAgain(entry))
    }
  }

  #resumeAgain(entry: CatalogEntry): void {
    const now = this.#known(entry)
    if (now !== undefined && this.#isWanted(now) && !this.#stopped) void this.#resume(now)
  }

  #known({ namespace, name, version }: CatalogEntry): CatalogEntry | undefined {
    return this.#components.catalog.find(parseReference(`${namespace}/${name}@${version}`))
  }

  /** Somebody has pulled it, and it has not ended: a disk that reads it meanwhile does not change that. */
  #isWanted(entry: CatalogEntry): boolean {
    const known = this.#known(entry)
    return known?.complete === false && known.onDemand !== true
  }

  async #run(pull: Pull, entry: CatalogEntry, joined: Joined): Promise<PullResult> {
    const { catalog, log } = this.#components
    const reference = `${entry.namespace}/${entry.name}@${entry.version}`
    pull.state = 'fetching'
    pull.session.learn(joined.peers, joined.rack)
    // Who gives it is found meanwhile.
    pull.saved = catalog.save(entry)
    pull.saved.catch((error: Error) => pull.stop(error))
    if (joined.peers.length === 0) void pull.saved.then(() => this.findPeers(pull)).catch(() => {})
    void this.#components.related.follow(pull, { delegation: entry.delegation })
    await pull.session.run({ signal: pull.signal })
    await pull.saved
    await this.#components.synced()
    pull.state = 'complete'
    for (const known of catalog.withManifest(pull.manifest))
      await catalog.update(known, { complete: true, onDemand: false })
    this.#components.completed(pull.manifest)
    const result = pull.result({ reference, version: entry.version, imageBytes: entry.size })
    log.info({ image: reference, seconds: result.seconds, bytes: result.bytes }, 'image is complete')
    return result
  }

  /** Peers that the routers know of, or one router alone, as they come. Who has nobody tries those of before first: one that has nothing of the image refuses, and costs a dial. Does not throw. */
  async findPeers(pull: Pull, options: CallOptions & { router?: Router } = {}): Promise<void> {
    const { log, known } = this.#components
    const { router = this.#components.router } = options
    const signal = options.signal === undefined ? pull.signal : AbortSignal.any([pull.signal, options.signal])
    try {
      if (pull.session.peers === 0) pull.session.learn(await known())
      for await (const peer of router.find(pull.manifest, { signal })) pull.session.learn([peer])
    } catch (error) {
      log.info({ manifest: pull.manifest, err: describe(error) }, 'could not look for peers')
      if (error instanceof NotAuthorisedError) pull.stop(error)
    }
  }

  /** A fresh grant for a manifest. */
  async renewed(manifest: ManifestId, grant: string): Promise<void> {
    const { catalog, log } = this.#components
    this.#running.get(manifest)?.pull.session.renew(grant)
    const open = catalog.withManifest(manifest).filter((entry) => !entry.complete && entry.grant !== grant)
    try {
      for (const entry of open) await catalog.update(entry, { grant })
    } catch (error) {
      log.error({ manifest, err: error }, 'could not keep a grant')
    }
  }

  #ended(pull: Pull): void {
    Object.assign(this.#totals, added(this.#totals, pull))
    this.#running.delete(pull.manifest)
    this.#components.exchange.closeSession(pull.session)
    pull.close()
  }
}

function describe(error: unknown): string {
  return error instanceof BootswarmError ? `${error.code}: ${error.message}` : String(error)
}
