import type { AnnounceAnswer, AnnouncedAnswer, AnnouncedSwarm } from '../src/api/swarm-schemas.ts'
import { type Digest, type ManifestId, parseManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import { AbortedError, BootswarmError, errorFromCode, TimeoutError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import {
  ANNOUNCE_EARLY_MS,
  ANNOUNCE_INTERVAL_MS,
  ANNOUNCE_JITTER,
  ANNOUNCE_TIMEOUT_MS,
  FIND_PEERS_TIMEOUT_MS,
  STAY_NEAR_MS,
} from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import { ANNOUNCE_BODY_BYTES } from '../src/core/registry-limits.ts'
import type { Router } from '../src/core/router.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { Swarm } from '../src/exchange/swarm.ts'
import type { AnnounceBudget } from '../src/routing/announce-budget.ts'
import { AnnouncePlan } from '../src/routing/announce-plan.ts'
import type { ImageCatalog } from './image-catalog.ts'
import type { Pull } from './pull.ts'
import type { Puller } from './puller.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface AnnouncerComponents {
  catalog: Pick<ImageCatalog, 'all' | 'delegationFor'>
  exchange: Pick<Exchange, 'swarm'>
  puller: Pick<Puller, 'running' | 'findPeers'>
  link: Pick<TrackerLink, 'reachable' | 'announceAll' | 'leaveAll' | 'stayNear'>
  /** The tracker, then the DHT. */
  router: Pick<Router, 'withdraw'>
  dht: Router
  budget: Pick<AnnounceBudget, 'start' | 'stop' | 'addRoots' | 'addSegments' | 'withdraw'>
  clock: Clock
  random: () => number
  log: Log
}

/** Time that leaving all swarms may take when the node stops. */
const LEAVE_TIMEOUT_MS = 2000

/**
 * Tells tracker and DHT what this node holds, again and again; pulls learn of peers and get fresh grants by that. One request
 * for each ANNOUNCE_INTERVAL_MS, whatever there is to tell.
 */
export class Announcer implements Lifecycle {
  readonly #components: AnnouncerComponents
  readonly #plan: AnnouncePlan
  /** When the grant of a pull is to be renewed. */
  readonly #renewMs = new Map<ManifestId, number>()
  /** Pulls for which the DHT is being asked. */
  readonly #looking = new Set<Pull>()
  readonly #stopping = new AbortController()
  #cancel = () => {}
  /** When the next round begins; that of a round that runs is not known. */
  #dueMs = Number.NEGATIVE_INFINITY
  /** When the tracker was last asked for nothing. */
  #nearMs = Number.NEGATIVE_INFINITY

  constructor(components: AnnouncerComponents) {
    this.#components = components
    this.#plan = new AnnouncePlan(components)
  }

  async start(): Promise<void> {
    await this.#components.budget.start()
    this.#next(0)
  }

  /** Leaves every swarm, as far as the tracker can be reached. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cancel()
    const { link, budget } = this.#components
    await budget.stop()
    if (link.reachable !== true || !this.#plan.isKnown) return
    const signal = AbortSignal.timeout(LEAVE_TIMEOUT_MS)
    await this.#try('all swarms', () => link.leaveAll({ signal }))
  }

  /** A pull has begun: who has begun at the same time is asked for soon, not only in the next round. */
  began(): void {
    if (this.#dueMs - this.#components.clock.monotonic() > ANNOUNCE_EARLY_MS) this.#next(ANNOUNCE_EARLY_MS)
  }

  /** An image has become complete: the DHT hears of it now, the tracker in the next round. */
  completed(manifest: ManifestId): void {
    this.#tellDht(manifest)
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  get #options(): { signal: AbortSignal } {
    return { signal: this.#stopping.signal }
  }

  #next(ms: number): void {
    if (this.#stopped) return
    const { clock } = this.#components
    this.#cancel()
    this.#dueMs = clock.monotonic() + ms
    this.#cancel = clock.after(ms, () => void this.#round())
  }

  /** Whatever happens in a round, there is a next one. */
  async #round(): Promise<void> {
    const { clock, log, random } = this.#components
    const startedMs = clock.monotonic()
    this.#dueMs = Number.NEGATIVE_INFINITY
    const intervalMs = ANNOUNCE_INTERVAL_MS * (1 - ANNOUNCE_JITTER * random())
    try {
      const told = await this.#tellTracker(this.#held())
      if (!told) this.#doWithout()
    } catch (error) {
      log.error({ err: error }, 'a round of announcing failed')
    } finally {
      this.#next(Math.max(0, intervalMs - (clock.monotonic() - startedMs)))
    }
  }

  /** What there is to tell of: pulls, and images that are complete. */
  #held(): AnnouncedSwarm[] {
    const { puller, exchange, catalog, clock } = this.#components
    const pulls = new Map(puller.running().map((pull) => [pull.manifest, pull]))
    for (const manifest of this.#renewMs.keys()) if (!pulls.has(manifest)) this.#renewMs.delete(manifest)
    const nowMs = clock.monotonic()
    return this.#manifests(pulls).flatMap((manifest): AnnouncedSwarm[] => {
      const swarm = exchange.swarm(manifest)
      const pulled = pulls.has(manifest)
      if (!pulled && swarm?.complete !== true) return []
      const delegation = catalog.delegationFor(manifest)
      const grant = pulled && (this.#renewMs.get(manifest) ?? nowMs) <= nowMs
      const shown = delegation === undefined ? {} : { delegation }
      const asked = pulled ? { find: true, grant } : {}
      return [{ manifest, runs: swarm?.have.count ?? 0, ...shown, ...asked }]
    })
  }

  #manifests(pulls: ReadonlyMap<ManifestId, Pull>): ManifestId[] {
    const kept = this.#components.catalog.all().map((entry) => entry.manifest as ManifestId)
    return [...new Set([...pulls.keys(), ...kept])]
  }

  /** Returns whether the tracker has answered. */
  async #tellTracker(held: readonly AnnouncedSwarm[]): Promise<boolean> {
    const { link, log } = this.#components
    if (held.length === 0 && !this.#plan.isKnown) return await this.#stayNear()
    const told = this.#plan.next(held, { bytesMax: ANNOUNCE_BODY_BYTES })
    const late = this.#deadline(ANNOUNCE_TIMEOUT_MS, 'the tracker did not answer an announce')
    try {
      await this.#hear(told, await link.announceAll(told, late))
      return true
    } catch (error) {
      if (this.#stopped || !(error instanceof BootswarmError)) {
        if (!this.#stopped) throw error
        return true
      }
      log.info({ err: error.message }, 'could not announce to the tracker')
      return false
    } finally {
      late.cancel()
    }
  }

  /** Who has nothing may soon be asked for a disk. */
  async #stayNear(): Promise<boolean> {
    const { link, clock, log } = this.#components
    const nowMs = clock.monotonic()
    if (nowMs - this.#nearMs < STAY_NEAR_MS) return true
    this.#nearMs = nowMs
    const late = this.#deadline(ANNOUNCE_TIMEOUT_MS, 'the tracker did not answer')
    try {
      await link.stayNear(late)
    } catch (error) {
      if (!(error instanceof BootswarmError)) throw error
      log.debug({ err: error.message }, 'the tracker is away')
    } finally {
      late.cancel()
    }
    return true
  }

  /** A signal that ends what is under way when the node stops, or when it takes too long; to be cancelled. */
  #deadline(ms: number, message: string): { signal: AbortSignal; cancel: () => void } {
    const late = new AbortController()
    const cancel = this.#components.clock.after(ms, () => late.abort(new TimeoutError(message)))
    return { signal: AbortSignal.any([late.signal, this.#stopping.signal]), cancel }
  }

  async #hear(told: readonly AnnouncedSwarm[], { swarms, places }: AnnounceAnswer): Promise<void> {
    const answers = new Map(swarms.map((answer) => [answer.manifest, answer]))
    const pulls = new Map(this.#components.puller.running().map((pull) => [pull.manifest, pull]))
    for (const swarm of told) {
      const answer = answers.get(swarm.manifest)
      if (answer === undefined) continue
      const pull = pulls.get(swarm.manifest)
      if (answer.refused === undefined) this.#accepted(swarm, answer, pull)
      else await this.#refused(swarm, answer.refused, pull)
    }
    this.#plan.known(places)
  }

  #accepted(swarm: AnnouncedSwarm, answer: AnnouncedAnswer, pull: Pull | undefined): void {
    const { exchange, clock } = this.#components
    const { manifest, peers, rack, renewAfterSeconds } = answer
    this.#plan.accepted(swarm)
    if (renewAfterSeconds !== undefined)
      this.#renewMs.set(manifest, clock.monotonic() + renewAfterSeconds * 1000)
    if (pull !== undefined && peers !== undefined) {
      pull.session.learn(peers, rack)
      if (peers.length === 0) this.#askDht(pull)
    }
    const held = exchange.swarm(manifest)
    if (held?.complete === true) held.withheld = false
    this.#tellDht(manifest)
  }

  async #refused(
    swarm: AnnouncedSwarm,
    { code, detail }: { code: string; detail: string },
    pull: Pull | undefined,
  ): Promise<void> {
    const { exchange, log } = this.#components
    const { manifest } = swarm
    this.#plan.refused(swarm)
    log.info({ manifest, code, err: detail }, 'the tracker refuses an announce')
    if (code !== 'E_NOT_AUTHORISED') return
    pull?.stop(errorFromCode(code, detail))
    const held = exchange.swarm(manifest)
    if (held?.complete === true) await this.#try(manifest, () => this.#withhold(held))
  }

  /** The tracker is away: the DHT has to do. */
  #doWithout(): void {
    const { puller } = this.#components
    for (const pull of puller.running()) this.#askDht(pull)
    for (const { manifest } of this.#held()) this.#tellDht(manifest)
  }

  /** Who may not have an image, and who has nothing of it, tells nobody. */
  #tellDht(manifest: ManifestId): void {
    const { budget, exchange } = this.#components
    const swarm = exchange.swarm(manifest)
    if (swarm === undefined || swarm.withheld || swarm.have.count === 0 || this.#stopped) return
    budget.addRoots([parseManifestId(manifest)])
    if (swarm.complete) budget.addSegments(swarm.manifest.segments.map((link) => link.digest))
  }

  /** No round waits for it, because a query of the DHT may take long. */
  #askDht(pull: Pull): void {
    if (this.#looking.has(pull)) return
    this.#looking.add(pull)
    const { puller, dht } = this.#components
    const { signal, cancel } = this.#deadline(FIND_PEERS_TIMEOUT_MS, 'looking for peers took too long')
    void puller.findPeers(pull, { signal, router: dht }).finally(() => {
      cancel()
      this.#looking.delete(pull)
    })
  }

  /** Who may not have an image gives it to nobody, and takes back what it has announced; the blocks stay. */
  async #withhold(swarm: Swarm): Promise<void> {
    if (swarm.withheld) return
    swarm.withheld = true
    this.#components.log.warn(
      { manifest: swarm.id },
      'this node may not fetch an image any more: others get nothing of it from here',
    )
    const segments = swarm.manifest.segments.map((link) => link.digest)
    await this.#components.budget.withdraw([parseManifestId(swarm.id), ...segments], this.#options)
  }

  /** Takes back what is announced of a manifest that is no longer here, and of its segments. Does not throw. */
  async forget(manifest: ManifestId, segments: readonly Digest[]): Promise<void> {
    const { router, budget } = this.#components
    this.#plan.forget(manifest)
    await this.#try(manifest, () => budget.withdraw([parseManifestId(manifest), ...segments], this.#options))
    await this.#try(manifest, () => router.withdraw(manifest, this.#options))
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#stopped && error instanceof AbortedError) return
      const known = error instanceof BootswarmError
      this.#components.log[known ? 'info' : 'error'](
        { what, err: known ? error.message : error },
        'could not tell others',
      )
    }
  }
}
