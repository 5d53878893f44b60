import type { Clock } from '../../src/core/clock.ts'
import { InvalidError, NotAuthorisedError, NotFoundError } from '../../src/core/errors.ts'
import { type WaveSize, wavesOf } from '../../src/core/placement.ts'
import { formatReference, type Reference } from '../../src/core/reference.ts'
import {
  LIST_ROWS_MAX,
  PLACEMENT_AHEAD_MS_MAX,
  PLACES_AT_ONCE_MAX,
  PLACES_BUSY_MS,
  PLACES_IDLE_MS,
} from '../../src/core/registry-limits.ts'
import type { Asker, NodeAsker } from '../access/asker.ts'
import type { Askers } from '../access/askers.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Labels, StoredNode } from '../catalog/node-catalog.ts'
import type { PlaceOrder, PlaceReport } from '../catalog/place-catalog.ts'
import type { StoredPlacement } from '../catalog/placement-rows.ts'
import type { FetchRights } from '../grants/fetch-rights.ts'
import type { Swarms } from '../swarm/swarms.ts'
import { type Candidate, chooseNodes, hasLabels } from './choose-nodes.ts'
import { type OrderWait, OrderWaits } from './order-waits.ts'

export interface PlacementsComponents {
  readonly catalog: Pick<Catalog, 'images' | 'nodes' | 'placements' | 'places'>
  readonly askers: Pick<Askers, 'nodeNamed'>
  readonly rights: Pick<FetchRights, 'image'>
  readonly swarms: Pick<Swarms, 'holders'>
  readonly clock: Clock
}

/** What an admin asks for. */
export interface PlacementRequest {
  readonly reference: Reference
  /** Nodes must have all of these. */
  readonly labels: Labels
  /** Nodes that get it; all that have the labels unless given. */
  readonly copies?: number | undefined
  /** Now unless given. */
  readonly atMs?: number | undefined
  /** One wave unless given. */
  readonly waves: readonly WaveSize[]
  readonly failuresMax: number
}

/** A node was seen within so long: it is likely to come soon. */
const RECENT_MS = 15 * 60_000

/** Brings images to nodes before anybody boots them: which nodes, when, in which order, and how far it is. */
export class Placements {
  readonly #c: PlacementsComponents
  readonly #waits: OrderWaits
  /** The wave of each placement whose nodes were woken last. */
  readonly #told = new Map<number, number>()

  constructor(components: PlacementsComponents) {
    this.#c = components
    this.#waits = new OrderWaits(components)
  }

  /** Who waits for orders is answered. */
  stop(): void {
    this.#waits.stop()
  }

  /**
   * Chooses the nodes and writes the placement down. Errors: NotFoundError without such an image or node, NotAuthorisedError when a
   * chosen node may not read it, InvalidError, LimitError.
   */
  async create(author: string, request: PlacementRequest): Promise<StoredPlacement> {
    const { catalog, clock } = this.#c
    const { reference, labels, copies, waves, failuresMax } = request
    const nowMs = clock.now()
    const atMs = request.atMs ?? nowMs
    if (atMs > nowMs + PLACEMENT_AHEAD_MS_MAX) throw new InvalidError('a placement begins within a year')
    const { namespace, name, version, manifest } = await catalog.images.resolve(reference)
    const candidates = await this.#candidates(labels, manifest)
    const chosen = chooseNodes(candidates, { copies, salt: manifest, recentMs: nowMs - RECENT_MS })
    checkChosen(chosen, { labels, copies })
    await this.#checkRights(chosen, { namespace, name })
    const wave = wavesOf(chosen.length, waves)
    const places = chosen.map((node, i) => ({ node: node.name, wave: wave[i] ?? 0 }))
    const image = { namespace, name, version, manifest }
    const wishes = { labels, atMs, failuresMax, author, places, nowMs }
    const placement = await catalog.placements.create({ ...image, ...wishes })
    await this.wake(placement.id)
    return placement
  }

  /** Nodes of a placement whose turn has come, and that wait at this tracker, hear of it now; those at others within their wait. */
  async wake(placement: number): Promise<void> {
    const nodes = await this.#c.catalog.places.nextNodes(placement)
    if (nodes.length === 0) this.#told.delete(placement)
    this.#waits.wake(nodes)
  }

  /**
   * Takes down what a node reports, and says what it is to fetch now and when to ask again. Where there is nothing to fetch, the answer
   * waits for up to `waitMs`. Errors: NotAuthorisedError when it has waited and is no node any more.
   */
  async ordersOf(
    node: NodeAsker,
    { reports, waitMs, signal }: { reports: readonly PlaceReport[]; waitMs: number; signal: AbortSignal },
  ): Promise<{ orders: PlaceOrder[]; askAgainMs: number }> {
    await this.#report(node, reports)
    const wait = waitMs === 0 ? undefined : this.#waits.enter(node.name)
    if (wait === undefined) {
      const { orders, dueMs } = await this.#look(node)
      return { orders, askAgainMs: dueMs }
    }
    signal.addEventListener('abort', () => wait.end(), { once: true })
    if (signal.aborted) wait.end()
    try {
      return { orders: await this.#hold(node, wait, waitMs), askAgainMs: 0 }
    } finally {
      this.#waits.leave(node.name, wait)
    }
  }

  async #report(node: NodeAsker, reports: readonly PlaceReport[]): Promise<void> {
    if (reports.length === 0) return
    const { catalog, clock } = this.#c
    await catalog.places.report(node.name, reports, clock.now())
    for (const { placement, state } of reports) if (state !== 'fetching') await this.#advance(placement)
  }

  /** Who comes next is told once, not again with each node of a wave that is done. */
  async #advance(placement: number): Promise<void> {
    const wave = await this.#c.catalog.places.openWave(placement)
    if (wave === this.#told.get(placement)) return
    if (wave !== undefined) this.#told.set(placement, wave)
    await this.wake(placement)
  }

  async #hold(node: NodeAsker, wait: OrderWait, waitMs: number): Promise<PlaceOrder[]> {
    const { clock, askers } = this.#c
    const untilMs = clock.monotonic() + waitMs
    for (let held = false; ; held = true) {
      // It may have been revoked while it waited.
      if (held) stillNode(node, await askers.nodeNamed(node.dn))
      const { orders, dueMs } = await this.#look(node)
      const leftMs = untilMs - clock.monotonic()
      if (orders.length > 0 || leftMs <= 0 || wait.ended) return orders
      await wait.pause(Math.min(leftMs, dueMs))
    }
  }

  /** What a node is to fetch now, and in how many milliseconds there may be more. */
  async #look(node: NodeAsker): Promise<{ orders: PlaceOrder[]; dueMs: number }> {
    const nowMs = this.#c.clock.now()
    const { places } = this.#c.catalog
    const { orders, nextMs } = await places.ordersOf(node.name, { nowMs, rowsMax: PLACES_AT_ONCE_MAX })
    const untilMs = nextMs === undefined ? PLACES_IDLE_MS : nextMs - nowMs
    return { orders, dueMs: Math.max(PLACES_BUSY_MS, Math.min(PLACES_IDLE_MS, untilMs)) }
  }

  async #candidates(
    labels: Labels,
    manifest: StoredPlacement['manifest'],
  ): Promise<(Candidate & Pick<StoredNode, 'dn'>)[]> {
    const holders = this.#c.swarms.holders(manifest)
    const found: (Candidate & Pick<StoredNode, 'dn'>)[] = []
    let after: string | undefined
    do {
      const page = await this.#c.catalog.nodes.list({
        state: 'active',
        rowsMax: LIST_ROWS_MAX,
        ...(after === undefined ? {} : { after }),
      })
      after = page.length < LIST_ROWS_MAX ? undefined : page.at(-1)?.name
      for (const { name, dn, peer, labels: own, seenAtMs } of page) {
        if (hasLabels(own, labels)) found.push({ name, dn, labels: own, seenAtMs, holds: holders.has(peer) })
      }
    } while (after !== undefined)
    return found
  }

  async #checkRights(
    nodes: readonly Pick<StoredNode, 'name' | 'dn'>[],
    image: Pick<StoredPlacement, 'namespace' | 'name'>,
  ): Promise<void> {
    const { askers, rights } = this.#c
    for (const { dn, name } of nodes) {
      const node: Asker | undefined = await askers.nodeNamed(dn)
      if (node?.kind !== 'node')
        throw new NotAuthorisedError(`the node ${name} is not active any more; try again`)
      await rights.image(node, image)
    }
  }
}

function stillNode(node: NodeAsker, now: Asker | undefined): void {
  if (now?.kind === 'node' && now.peer === node.peer) return
  throw new NotAuthorisedError(`the node ${node.name} is not active any more: bootswarm node enroll`)
}

function checkChosen(
  chosen: readonly Candidate[],
  { labels, copies }: { labels: Labels; copies: number | undefined },
): void {
  const text = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  const which = text.length === 0 ? 'active node' : `active node with ${text.join(' ')}`
  if (chosen.length === 0) throw new NotFoundError(`there is no ${which}: bootswarm node ls`)
  if (copies !== undefined && chosen.length < copies)
    throw new NotFoundError(`there are only ${chosen.length} of ${copies}: ${which}`)
}

/** `namespace/name@version` of a placement or an order. */
export function imageOf(of: Pick<StoredPlacement, 'namespace' | 'name' | 'version'>): string {
  const { namespace, name, version } = of
  return formatReference({ namespace, name, version })
}
