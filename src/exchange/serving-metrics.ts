import { Gauge, type Registry } from 'prom-client'
import { TRAFFIC_CLASSES } from '../core/traffic-class.ts'
import type { ServingStats } from './serving.ts'

export type ServingFigures = Pick<
  ServingStats,
  'servedBytes' | 'waiting' | 'refusedRequests' | 'refusedPlaces'
>

/** Series of what an exchange serves, for the metrics of a node or the tracker. */
export function addServingMetrics(
  registry: Registry,
  init: { prefix: string; serving: () => ServingFigures },
): void {
  const { prefix, serving } = init
  const gauge = (name: string, help: string, read: (figures: ServingFigures) => number) =>
    new Gauge({
      name: `${prefix}_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read(serving()))
      },
    })
  gauge('requests_waiting', 'Requests of peers that wait to be served', ({ waiting }) => waiting)
  gauge(
    'requests_refused_total',
    'Requests of peers that were refused because too many waited',
    ({ refusedRequests }) => refusedRequests,
  )
  gauge(
    'places_refused_total',
    'Times that a peer found no place in a swarm here',
    ({ refusedPlaces }) => refusedPlaces,
  )
  new Gauge({
    name: `${prefix}_served_bytes_total`,
    help: 'Bytes of blocks and nodes sent to peers, by what they were wanted for',
    labelNames: ['class'],
    registers: [registry],
    collect() {
      const { servedBytes } = serving()
      for (const each of TRAFFIC_CLASSES) this.set({ class: each }, servedBytes[each])
    },
  })
}
