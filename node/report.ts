import type { NodePeer, NodeStatus } from '../src/api/node-schemas.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import type { Carrier } from '../src/core/carrier.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import { packageVersion } from '../src/util/package-version.ts'
import type { NodeConfig } from './config.ts'
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
    const { carrier, exchange, blocks, catalog, puller, link, clock } = this.#components
    return {
      version: packageVersion(),
      principal: this.#principal,
      peer: carrier.self,
      addresses: carrier.addresses(),
      tracker: {
        url: this.#config.tracker.url,
        ...(link.reachable === undefined ? {} : { reachable: link.reachable }),
      },
      store: await blocks.stat(),
      images: catalog.all().filter(({ complete }) => complete).length,
      pulls: puller.progress(),
      peers: exchange.peers().length,
      residentBytes: process.memoryUsage.rss(),
      uptimeSeconds: (clock.monotonic() - this.#startedMs) / 1000,
    }
  }

  peers(): NodePeer[] {
    const { exchange, link } = this.#components
    return exchange.peers().map((stat) => ({
      ...stat,
      manifests: [...stat.manifests],
      origin: link.isOrigin(stat.peer),
    }))
  }

  figures(): NodeFigures {
    const { exchange, blocks, catalog, puller, link } = this.#components
    return {
      images: () => catalog.all().filter(({ complete }) => complete).length,
      pulls: () => puller.running().length,
      peers: () => exchange.peers().length,
      storedBytes: async () => (await blocks.stat()).storedBytes,
      sentBytes: () => exchange.wireSentBytes,
      totals: () => puller.totals(),
      trackerReachable: () => link.reachable === true,
    }
  }
}
