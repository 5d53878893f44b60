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
import type { PlaceOrder, PlaceReport, StoredPlacement } from '../catalog/placement-catalog.ts'
import type { FetchRights } from '../grants/fetch-rights.ts'
import type { Swarms } from '../swarm/swarms.ts'
import { type Candidate, chooseNodes, hasLabels } from './choose-nodes.ts'

export interface PlacementsComponents {
  readonly catalog: Pick<Catalog, 'images' | 'nodes' | 'placements'>
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

  constructor(components: PlacementsComponents) {
    this.#c = components
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
    return await catalog.placements.create({ ...image, labels, atMs, failuresMax, author, places, nowMs })
  }

  /** Takes down what a node reports, and says what it is to fetch now and when to ask again. */
  async ordersOf(
    node: NodeAsker,
    reports: readonly PlaceReport[],
  ): Promise<{ orders: PlaceOrder[]; askAgainMs: number }> {
    const { placements } = this.#c.catalog
    const nowMs = this.#c.clock.now()
    if (reports.length > 0) await placements.report(node.name, reports, nowMs)
    const { orders, nextMs } = await placements.ordersOf(node.name, { nowMs, rowsMax: PLACES_AT_ONCE_MAX })
    const untilMs = nextMs === undefined ? PLACES_IDLE_MS : nextMs - nowMs
    return { orders, askAgainMs: Math.max(PLACES_BUSY_MS, Math.min(PLACES_IDLE_MS, untilMs)) }
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
