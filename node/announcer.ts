import { type ManifestId, parseManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import { BootswarmError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import { ANNOUNCE_EXPIRY_MS, ANNOUNCE_INTERVAL_MS } from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import type { Router } from '../src/core/router.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { AnnounceBudget } from '../src/routing/announce-budget.ts'
import type { ImageCatalog } from './image-catalog.ts'
import type { Puller } from './puller.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface AnnouncerComponents {
  catalog: ImageCatalog
  exchange: Exchange
  puller: Puller
  link: TrackerLink
  /** The tracker, then the DHT. */
  router: Router
  dht: Router
  budget: AnnounceBudget
  clock: Clock
  log: Log
}

/** Complete images are announced at two thirds of the time after which the tracker would forget this node. */
const COMPLETE_INTERVAL_MS = (ANNOUNCE_EXPIRY_MS * 2) / 3
/** Time that leaving all swarms may take when the node stops. */
const LEAVE_TIMEOUT_MS = 2000

/** Tells tracker and DHT what this node holds, again and again; pulls learn of peers and get fresh grants by that. */
export class Announcer implements Lifecycle {
  readonly #components: AnnouncerComponents
  readonly #toldMs = new Map<ManifestId, number>()
  #cancel = () => {}
  #stopped = false

  constructor(components: AnnouncerComponents) {
    this.#components = components
  }

  async start(): Promise<void> {
    await this.#components.budget.start()
    this.#next(0)
  }

  /** Leaves every swarm, as far as the tracker can be reached. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    const { link, budget } = this.#components
    await budget.stop()
    if (!link.reachable) return
    const signal = AbortSignal.timeout(LEAVE_TIMEOUT_MS)
    await Promise.allSettled(this.#manifests().map((manifest) => link.leaveSwarm(manifest, { signal })))
  }

  /** An image has become complete: tell at once. */
  completed(manifest: ManifestId): void {
    void this.#announceComplete(manifest)
  }

  #next(ms: number): void {
    if (!this.#stopped) this.#cancel = this.#components.clock.after(ms, () => void this.#round())
  }

  async #round(): Promise<void> {
    const { puller, dht } = this.#components
    for (const pull of puller.running()) {
      await puller.findPeers(pull)
      if (pull.progress().runs.done > 0) void this.#try(pull.manifest, () => dht.announce(pull.manifest))
    }
    for (const manifest of this.#due()) await this.#announceComplete(manifest)
    this.#next(ANNOUNCE_INTERVAL_MS)
  }

  #manifests(): ManifestId[] {
    return [...new Set(this.#components.catalog.all().map((entry) => entry.manifest as ManifestId))]
  }

  /** Complete manifests whose time has come. */
  #due(): ManifestId[] {
    const { exchange, clock } = this.#components
    const beforeMs = clock.monotonic() - COMPLETE_INTERVAL_MS + ANNOUNCE_INTERVAL_MS
    const toldMs = (manifest: ManifestId) => this.#toldMs.get(manifest) ?? Number.NEGATIVE_INFINITY
    return this.#manifests().filter(
      (manifest) => exchange.swarm(manifest)?.complete === true && toldMs(manifest) < beforeMs,
    )
  }

  async #announceComplete(manifest: ManifestId): Promise<void> {
    const { router, budget, exchange, clock } = this.#components
    const swarm = exchange.swarm(manifest)
    if (swarm === undefined || this.#stopped) return
    this.#toldMs.set(manifest, clock.monotonic())
    budget.addSegments(swarm.manifest.segments.map((link) => link.digest))
    await this.#try(manifest, () => router.announce(manifest))
  }

  /** Forgets what is announced of a manifest that is no longer here. */
  async forget(manifest: ManifestId): Promise<void> {
    const { router, budget, exchange } = this.#components
    const segments = exchange.swarm(manifest)?.manifest.segments ?? []
    this.#toldMs.delete(manifest)
    await budget.withdraw([parseManifestId(manifest), ...segments.map((link) => link.digest)])
    await this.#try(manifest, () => router.withdraw(manifest))
  }

  async #try(manifest: ManifestId, announce: () => Promise<void>): Promise<void> {
    try {
      await announce()
    } catch (error) {
      const known = error instanceof BootswarmError
      this.#components.log[known ? 'info' : 'error'](
        { manifest, err: known ? error.message : error },
        'could not announce',
      )
    }
  }
}
