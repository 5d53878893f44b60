import type { CallOptions } from '../src/core/blockstore.ts'
import { type Digest, type ManifestId, parseManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import { AbortedError, BootswarmError, NotAuthorisedError, TimeoutError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  ANNOUNCE_INTERVAL_MS,
  FIND_PEERS_TIMEOUT_MS,
  REFUSED_RETRY_MS,
} from '../src/core/limits.ts'
import type { Log } from '../src/core/log.ts'
import type { Router } from '../src/core/router.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { Swarm } from '../src/exchange/swarm.ts'
import type { AnnounceBudget } from '../src/routing/announce-budget.ts'
import type { ImageCatalog } from './image-catalog.ts'
import type { Pull } from './pull.ts'
import type { Puller } from './puller.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface AnnouncerComponents {
  catalog: Pick<ImageCatalog, 'all'>
  exchange: Pick<Exchange, 'swarm'>
  puller: Pick<Puller, 'running' | 'findPeers'>
  link: Pick<TrackerLink, 'reachable' | 'leaveSwarm'>
  /** The tracker, then the DHT. */
  router: Router
  dht: Router
  budget: Pick<AnnounceBudget, 'start' | 'stop' | 'addSegments' | 'withdraw'>
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
  readonly #stopping = new AbortController()
  #cancel = () => {}
  #tellingDue = false

  constructor(components: AnnouncerComponents) {
    this.#components = components
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
    if (link.reachable !== true) return
    const signal = AbortSignal.timeout(LEAVE_TIMEOUT_MS)
    await Promise.allSettled(this.#manifests().map((manifest) => link.leaveSwarm(manifest, { signal })))
  }

  /** An image has become complete: tell at once. */
  completed(manifest: ManifestId): void {
    void this.#announceComplete(manifest)
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #next(ms: number): void {
    if (!this.#stopped) this.#cancel = this.#components.clock.after(ms, () => void this.#round())
  }

  /** Whatever happens in a round, there is a next one. */
  async #round(): Promise<void> {
    try {
      void this.#announceDue()
      await Promise.all(this.#components.puller.running().map((pull) => this.#lookAround(pull)))
    } catch (error) {
      this.#components.log.error({ err: error }, 'a round of announcing failed')
    } finally {
      this.#next(ANNOUNCE_INTERVAL_MS)
    }
  }

  /** Announces a pull to the tracker, learns its peers, and tells the DHT once there is something to give. */
  async #lookAround(pull: Pull): Promise<void> {
    const { puller, dht, clock } = this.#components
    const late = new AbortController()
    const signal = AbortSignal.any([late.signal, this.#stopping.signal])
    const cancel = clock.after(FIND_PEERS_TIMEOUT_MS, () =>
      late.abort(new TimeoutError('looking for peers took too long')),
    )
    try {
      await puller.findPeers(pull, { signal })
    } finally {
      cancel()
    }
    if (pull.progress().runs.done > 0)
      void this.#try(pull.manifest, () => dht.announce(pull.manifest, this.#options))
  }

  /** One after the other; no round waits for them, because each may take a query of the DHT while the tracker is away. */
  async #announceDue(): Promise<void> {
    if (this.#tellingDue) return
    this.#tellingDue = true
    try {
      for (const manifest of this.#due()) await this.#announceComplete(manifest)
    } catch (error) {
      this.#components.log.error({ err: error }, 'complete images could not be announced')
    } finally {
      this.#tellingDue = false
    }
  }

  get #options(): CallOptions {
    return { signal: this.#stopping.signal }
  }

  #manifests(): ManifestId[] {
    return [...new Set(this.#components.catalog.all().map((entry) => entry.manifest as ManifestId))]
  }

  /** Complete manifests whose time has come. */
  #due(): ManifestId[] {
    const { exchange, clock } = this.#components
    const nowMs = clock.monotonic() + ANNOUNCE_INTERVAL_MS
    const toldMs = (manifest: ManifestId) => this.#toldMs.get(manifest) ?? Number.NEGATIVE_INFINITY
    return this.#manifests().filter((manifest) => {
      const swarm = exchange.swarm(manifest)
      const intervalMs = swarm?.withheld === true ? REFUSED_RETRY_MS : COMPLETE_INTERVAL_MS
      return swarm?.complete === true && toldMs(manifest) + intervalMs < nowMs
    })
  }

  async #announceComplete(manifest: ManifestId): Promise<void> {
    const { router, budget, exchange, clock } = this.#components
    const swarm = exchange.swarm(manifest)
    if (swarm === undefined || this.#stopped) return
    this.#toldMs.set(manifest, clock.monotonic())
    const segments = swarm.manifest.segments.map((link) => link.digest)
    await this.#try(manifest, async () => {
      try {
        await router.announce(manifest, this.#options)
        if (!this.#stopped) budget.addSegments(segments)
        swarm.withheld = false
      } catch (error) {
        if (error instanceof NotAuthorisedError) await this.#withhold(swarm, segments)
        throw error
      }
    })
  }

  /** Who may not have an image gives it to nobody, and takes back what it has announced; the blocks stay. */
  async #withhold(swarm: Swarm, segments: readonly Digest[]): Promise<void> {
    if (swarm.withheld) return
    swarm.withheld = true
    this.#components.log.warn(
      { manifest: swarm.id },
      'this node may not fetch an image any more: others get nothing of it from here',
    )
    await this.#components.budget.withdraw([parseManifestId(swarm.id), ...segments], this.#options)
  }

  /** Takes back what is announced of a manifest that is no longer here, and of its segments. Does not throw. */
  async forget(manifest: ManifestId, segments: readonly Digest[]): Promise<void> {
    const { router, budget } = this.#components
    this.#toldMs.delete(manifest)
    await this.#try(manifest, () => budget.withdraw([parseManifestId(manifest), ...segments], this.#options))
    await this.#try(manifest, () => router.withdraw(manifest, this.#options))
  }

  async #try(manifest: ManifestId, announce: () => Promise<void>): Promise<void> {
    try {
      await announce()
    } catch (error) {
      if (this.#stopped && error instanceof AbortedError) return
      const known = error instanceof BootswarmError
      this.#components.log[known ? 'info' : 'error'](
        { manifest, err: known ? error.message : error },
        'could not announce',
      )
    }
  }
}
