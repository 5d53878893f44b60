import type { DiskObject } from '../src/api/disk-schemas.ts'
import type { NodePeer, NodeStatus } from '../src/api/node-schemas.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import type { Carrier } from '../src/core/carrier.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { PassBook } from '../src/identity/pass-book.ts'
import type { AnnounceBudget } from '../src/routing/announce-budget.ts'
import { packageVersion } from '../src/util/package-version.ts'
import type { NodeConfig } from './config.ts'
import type { Disks } from './disk/disks.ts'
import type { Enrolment } from './enrolment.ts'
import type { ImageCatalog } from './image-catalog.ts'
import type { NodeFigures } from './metrics.ts'
import type { Puller } from './puller.ts'
import type { TrackerLink } from './tracker-link.ts'

export interface ReportComponents {
  carrier: Carrier
  exchange: Exchange
  blocks: BlockStore
  catalog: ImageCatalog
  puller: Puller
  link: TrackerLink
  enrolment: Pick<Enrolment, 'status'>
  passes: Pick<PassBook, 'refused'>
  budget: Pick<AnnounceBudget, 'stat'>
  disks: Pick<Disks, 'list'>
  dhtPeers(): number
  clock: Clock
}

/** What a node says of itself: status, peers, figures for its metrics. */
export class NodeReport {
  readonly #components: ReportComponents
  readonly #config: NodeConfig
  readonly #principal: string
  readonly #startedMs: number

  constructor(components: ReportComponents, init: { config: NodeConfig; principal: string }) {
    this.#components = components
    this.#config = init.config
    this.#principal = init.principal
    this.#startedMs = components.clock.monotonic()
  }

  async status(): Promise<NodeStatus> {
    const { carrier, exchange, blocks, catalog, puller, link, enrolment, clock, disks } = this.#components
    return {
      version: packageVersion(),
      principal: this.#principal,
      peer: carrier.self,
      addresses: carrier.addresses(),
      tracker: {
        url: this.#config.tracker.url,
        ...(link.reachable === undefined ? {} : { reachable: link.reachable }),
      },
      enrolment: enrolment.status(),
      store: await blocks.stat(),
      images: catalog.all().filter(({ complete }) => complete).length,
      pulls: puller.progress(),
      disks: countOf(disks.list()),
      peers: exchange.peers().length,
      residentBytes: process.memoryUsage.rss(),
      uptimeSeconds: (clock.monotonic() - this.#startedMs) / 1000,
    }
  }

  peers(): NodePeer[] {
    const { exchange, link } = this.#components
    return exchange.peers().map(({ node, ...stat }) => ({
      ...stat,
      ...(node === undefined ? {} : { node }),
      manifests: [...stat.manifests],
      origin: link.isOrigin(stat.peer),
    }))
  }

  figures(): NodeFigures {
    const { exchange, blocks, catalog, puller, link, passes, budget, dhtPeers } = this.#components
    return {
      images: () => catalog.all().filter(({ complete }) => complete).length,
      pulls: () => puller.running().length,
      peers: () => exchange.peers().length,
      storedBytes: async () => (await blocks.stat()).storedBytes,
      sentBytes: () => exchange.wireSentBytes,
      totals: () => puller.totals(),
      refusedPasses: () => passes.refused,
      trackerReachable: () => link.reachable === true,
      dhtPeers,
      dht: () => budget.stat(),
      serving: () => exchange.serving,
    }
  }
}

function countOf(disks: readonly DiskObject[]): NodeStatus['disks'] {
  const inState = (wanted: DiskObject['state']) => disks.filter(({ state }) => state === wanted).length
  return { attached: disks.length, stalled: inState('stalled'), unavailable: inState('unavailable') }
}
