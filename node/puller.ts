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
  TimeoutError,
  UnreachableError,
} from '../src/core/errors.ts'
import { REFUSED_RETRY_MS, RESUME_RETRY_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { DEFAULT_TAG, formatReference, parseReference, type Reference } from '../src/core/reference.ts'
import type { Router } from '../src/core/router.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import type { PullTotals } from './metrics.ts'
import { Pull } from './pull.ts'
import type { RelatedFinder } from './related-finder.ts'
import type { Joined, TrackerLink } from './tracker-link.ts'

export interface PullerComponents {
  catalog: ImageCatalog
  exchange: Exchange
  link: TrackerLink
  /** The tracker, then the DHT. */
  router: Router
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
    const { joined, entry } = await this.#join(reference, options.delegation)
    const running = this.#running.get(joined.manifest)
    const urgency = options.background === true ? 'background' : 'requested'
    if (running !== undefined && urgency === 'requested') running.pull.session.class = urgency
    if (running !== undefined) return this.#follow(running, entry)
    this.#checkOpen()
    const { exchange, clock, catalog } = this.#components
    const { manifest, grant } = joined
    const session = exchange.openSession({ manifest, grant, class: urgency })
    const pull = new Pull({ clock, session })
    const result = catalog.save(entry).then(() => this.#run(pull, entry, joined))
    result.catch(() => {})
    const started = { pull, result: result.finally(() => this.#ended(pull)) }
    started.result.catch(() => {})
    this.#running.set(joined.manifest, started)
    this.#components.began()
    return started
  }

  /** Another name of a manifest that is being pulled already: it is complete with it. */
  #follow({ pull, result }: Running, entry: CatalogEntry): Running {
    const { catalog } = this.#components
    const reference = `${entry.namespace}/${entry.name}@${entry.version}`
    const followed = catalog.save(entry).then(async () => {
      const done = await result
      await catalog.update(entry, { complete: true })
      return { ...done, reference, version: entry.version }
    })
    followed.catch(() => {})
    return { pull, result: followed }
  }

  /** Keeps new pulls out while `work` runs. Throws StateError when one is under way. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#paused || this.#running.size > 0) {
      throw new StateError('a pull is under way: try again when it has ended')
    }
    this.#paused = true
    try {
      return await work()
    } finally {
      this.#paused = false
    }
  }

  /** Takes up what a stop or a crash has interrupted; tries again for as long as the tracker is away. */
  resume(): void {
    const open = this.#components.catalog.all().filter((entry) => !entry.complete)
    for (const entry of open) void this.#resume(entry)
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
    const now = this.#components.catalog.find(
      parseReference(`${entry.namespace}/${entry.name}@${entry.version}`),
    )
    if (now !== undefined && !now.complete && !this.#stopped) void this.#resume(now)
  }

  /** Asks the tracker; while it is away, what is known from an earlier answer will do. */
  async #join(
    reference: Reference,
    delegation: string | undefined,
  ): Promise<{ joined: Joined; entry: CatalogEntry }> {
    const { link, catalog, log } = this.#components
    try {
      const joined = await link.join(reference, { delegation })
      const entry = this.#entryOf(reference, joined)
      return { joined, entry: { ...entry, ...(delegation === undefined ? {} : { delegation }) } }
    } catch (error) {
      const away = error instanceof UnreachableError || error instanceof TimeoutError
      const known = away ? catalog.find(reference) : undefined
      if (known === undefined) throw error
      log.warn({ image: formatReference(reference) }, 'tracker is away: going on with what it said before')
      const { record: recordToken, grant } = known
      const record = await link.record(recordToken)
      const joined = { manifest: record.manifest, record, recordToken, grant, peers: [] }
      return { joined, entry: known }
    }
  }

  #entryOf(reference: Reference, joined: Joined): CatalogEntry {
    const { record, recordToken, grant } = joined
    const { namespace, name, version, manifest, size, sha256 } = record
    const known = this.#components.catalog.find({ namespace, name, version })
    const asked = reference.version === undefined && reference.manifest === undefined
    const tag = asked ? (reference.tag ?? DEFAULT_TAG) : known?.tag
    return {
      namespace,
      name,
      version,
      manifest,
      size,
      sha256,
      complete: known?.complete ?? false,
      pulledAt: known?.pulledAt ?? this.#components.clock.now(),
      record: recordToken,
      grant,
      ...(tag === undefined ? {} : { tag }),
    }
  }

  async #run(pull: Pull, entry: CatalogEntry, joined: Joined): Promise<PullResult> {
    const { catalog, log } = this.#components
    const reference = `${entry.namespace}/${entry.name}@${entry.version}`
    pull.state = 'fetching'
    pull.session.learn(joined.peers, joined.rack)
    if (joined.peers.length === 0) void this.findPeers(pull)
    void this.#components.related.follow(pull, { delegation: entry.delegation })
    await pull.session.run({ signal: pull.signal })
    await this.#components.synced()
    pull.state = 'complete'
    await catalog.update(entry, { complete: true })
    this.#components.completed(pull.manifest)
    const result = pull.result({ reference, version: entry.version, imageBytes: entry.size })
    log.info({ image: reference, seconds: result.seconds, bytes: result.bytes }, 'image is complete')
    return result
  }

  /** Peers that the routers know of, or one router alone, as they come. Does not throw. */
  async findPeers(pull: Pull, options: CallOptions & { router?: Router } = {}): Promise<void> {
    const { log } = this.#components
    const { router = this.#components.router } = options
    const signal = options.signal === undefined ? pull.signal : AbortSignal.any([pull.signal, options.signal])
    try {
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
  }
}

function added(totals: PullTotals, { session }: Pull): PullTotals {
  const { wireFromOrigin, wireFromPeers, duplicate, wireFallback, seeded } = session.stats.bytes
  return {
    fromOrigin: totals.fromOrigin + wireFromOrigin,
    fromPeers: totals.fromPeers + wireFromPeers,
    duplicate: totals.duplicate + duplicate,
    fallback: totals.fallback + wireFallback,
    seeded: totals.seeded + seeded,
    corruptPeers: totals.corruptPeers + session.banned.length,
  }
}

function describe(error: unknown): string {
  return error instanceof BootswarmError ? `${error.code}: ${error.message}` : String(error)
}
