import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { addServingMetrics, type ServingFigures } from '../src/exchange/serving-metrics.ts'
import { addFigure, addFigures } from '../src/util/figures.ts'

/** Sums over all pulls since the start, wire bytes. */
export interface PullTotals {
  fromOrigin: number
  fromPeers: number
  duplicate: number
  fallback: number
  /** Bytes of blocks, not of the wire. */
  seeded: number
  corruptPeers: number
}

/** What the node shows of itself, read when somebody looks. */
export interface NodeFigures {
  images(): number
  pulls(): number
  peers(): number
  storedBytes(): Promise<number>
  sentBytes(): number
  totals(): PullTotals
  refusedPasses(): number
  trackerReachable(): boolean
  /** Peers of the DHT that are connected. */
  dhtPeers(): number
  /** Records of the DHT: kept announced, of those still waiting, published and failed since the start. */
  dht(): { roots: number; segments: number; waiting: number; provided: number; failed: number }
  serving(): ServingFigures
}

/** Series of the node. No label grows with images or peers. */
export function nodeMetrics(figures: NodeFigures, version: string): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const figure = (name: string, help: string, read: () => number | Promise<number>) =>
    addFigure(registry, { name: `bootswarm_node_${name}`, help }, read)
  figure('images', 'Images that are complete here', () => figures.images())
  figure('pulls', 'Pulls under way', () => figures.pulls())
  figure('peer_connections', 'Open channels', () => figures.peers())
  figure('store_bytes', 'Bytes of blocks on disk', () => figures.storedBytes())
  figure('exchange_sent_bytes_total', 'Bytes of frames sent to peers', () => figures.sentBytes())
  figure('corrupt_peers_total', 'Peers dropped for wrong bytes', () => figures.totals().corruptPeers)
  figure('passes_refused_total', 'Passes of peers that were not accepted', () => figures.refusedPasses())
  figure('tracker_reachable', 'Whether the tracker answered', () => Number(figures.trackerReachable()))
  figure('dht_peers', 'Peers of the DHT that are connected', () => figures.dhtPeers())
  figure('dht_provides_total', 'Provider records that were published', () => figures.dht().provided)
  figure(
    'dht_provide_failures_total',
    'Provider records that could not be published',
    () => figures.dht().failed,
  )
  figure('dht_records_waiting', 'Provider records that wait for their turn', () => figures.dht().waiting)
  figure(
    'fallback_bytes_total',
    'Bytes of frames from the origin that peers should have given and could not',
    () => figures.totals().fallback,
  )
  figure(
    'seeded_bytes_total',
    'Bytes of blocks that came from seeds instead of peers',
    () => figures.totals().seeded,
  )
  addReceived(registry, figures)
  addServingMetrics(registry, { prefix: 'bootswarm_node', serving: () => figures.serving() })
  new Gauge({
    name: 'bootswarm_node_build_info',
    help: 'Version of the program',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1)
  return registry
}

function addReceived(registry: Registry, figures: NodeFigures): void {
  const name = 'bootswarm_node_exchange_received_bytes_total'
  addFigures(registry, { name, help: 'Bytes of frames received, by source', label: 'source' }, () => {
    const { fromOrigin, fromPeers, duplicate } = figures.totals()
    return { origin: fromOrigin, peer: fromPeers, duplicate }
  })
}
