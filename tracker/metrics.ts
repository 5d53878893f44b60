import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { ServingStats } from '../src/exchange/serving.ts'
import { addServingMetrics } from '../src/exchange/serving-metrics.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import { addTrustMetrics } from '../src/identity/trust-metrics.ts'
import type { TrustWatcher } from '../src/identity/trust-watcher.ts'
import { addFigure, addFigures } from '../src/util/figures.ts'
import type { Swarms } from './swarm/swarms.ts'

interface WatchedOrigin {
  readonly sentBytes: number
  readonly refusedPasses: number
  readonly serving: ServingStats
}

/** Series of the tracker. No label grows with images, principals or peers. */
export class TrackerMetrics {
  readonly registry = new Registry()
  readonly httpSeconds: Histogram<'method' | 'route' | 'status'>
  readonly blocksStored: Counter
  readonly storedBytes: Counter
  readonly rawBytes: Counter
  readonly grantsIssued: Counter
  readonly tampered: Counter

  constructor() {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    this.httpSeconds = new Histogram({
      name: 'bootswarm_tracker_http_request_duration_seconds',
      help: 'Time from the request to the end of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    })
    const counter = (name: string, help: string) =>
      new Counter({ name: `bootswarm_tracker_${name}`, help, registers })
    this.blocksStored = counter('blocks_stored_total', 'Frames that uploads brought')
    this.storedBytes = counter('stored_bytes_total', 'Bytes of the frames that uploads brought')
    this.rawBytes = counter('raw_bytes_total', 'Bytes of images that were sent over HTTP')
    this.tampered = counter('tampered_total', 'Signed statements that were found changed outside the tracker')
    this.grantsIssued = counter('grants_issued_total', 'Grants that were signed')
  }

  /** Shows what the origin has sent to nodes, and whom it has refused. */
  watchOrigin(origin: WatchedOrigin): void {
    addServingMetrics(this.registry, { prefix: 'bootswarm_tracker', serving: () => origin.serving })
    const figure = (name: string, help: string, read: (serving: ServingStats) => number) =>
      this.#figure(name, help, () => read(origin.serving))
    figure(
      'origin_fallback_runs_total',
      'Runs that the origin gave to starving peers although others had got them',
      ({ fallbackRuns }) => fallbackRuns,
    )
    figure(
      'origin_fallback_bytes_total',
      'Bytes of frames that the origin sent of such runs',
      ({ fallbackBytes }) => fallbackBytes,
    )
    figure(
      'origin_fallback_refused_total',
      'Asks of starving peers that the limit of the fallback held up',
      ({ fallbackRefused }) => fallbackRefused,
    )
    figure(
      'origin_peers_waiting',
      'Peers that wait for their turn at the origin',
      ({ waitingForTurn }) => waitingForTurn,
    )
    figure(
      'passes_refused_total',
      'Passes that peers showed to the origin and that were not accepted',
      () => origin.refusedPasses,
    )
    figure('origin_sent_bytes_total', 'Bytes of frames that the origin sent to nodes', () => origin.sentBytes)
  }

  /** Shows when certificates and revocation lists end, and whether their files can be read. */
  watchTrust({ identity, watcher }: { identity: Identity; watcher: TrustWatcher }): void {
    addTrustMetrics(this.registry, { prefix: 'bootswarm_tracker', identity, watcher })
  }

  /** Frames that an upload brought were stored. */
  readonly stored = (blocks: number, bytes: number): void => {
    this.blocksStored.inc(blocks)
    this.storedBytes.inc(bytes)
  }

  readonly sentRaw = (bytes: number): void => this.rawBytes.inc(bytes)

  readonly granted = (): void => this.grantsIssued.inc()

  /** Shows the swarms; they are counted when somebody looks. */
  watchSwarms(swarms: Swarms): void {
    const peers = {
      name: 'bootswarm_tracker_swarm_peers',
      help: 'Peers in swarms, by whether they hold the whole image',
    }
    addFigures(this.registry, { ...peers, label: 'state' }, () => {
      const { complete, partial } = swarms.totals()
      return { complete, partial }
    })
    this.#figure('swarms', 'Manifests that some node announces', () => swarms.totals().swarms)
    this.#figure(
      'announcing_nodes',
      'Nodes that have announced themselves lately',
      () => swarms.totals().nodes,
    )
  }

  #figure(name: string, help: string, read: () => number): void {
    addFigure(this.registry, { name: `bootswarm_tracker_${name}`, help }, read)
  }
}
