import type { Registry } from 'prom-client'
import { addFigure, addFigures } from '../util/figures.ts'
import type { ServingStats } from './serving.ts'

export type ServingFigures = Pick<
  ServingStats,
  'servedBytes' | 'waiting' | 'refusedRequests' | 'refusedPlaces' | 'damagedBlocks'
>

/** Series of what an exchange serves, for the metrics of a node or the tracker. */
export function addServingMetrics(
  registry: Registry,
  init: { prefix: string; serving: () => ServingFigures },
): void {
  const { prefix, serving } = init
  const figure = (name: string, help: string, read: (figures: ServingFigures) => number) =>
    addFigure(registry, { name: `${prefix}_${name}`, help }, () => read(serving()))
  figure('requests_waiting', 'Requests of peers that wait to be served', ({ waiting }) => waiting)
  figure(
    'requests_refused_total',
    'Requests of peers that were refused because too many waited',
    ({ refusedRequests }) => refusedRequests,
  )
  figure(
    'places_refused_total',
    'Times that a peer found no place in a swarm here',
    ({ refusedPlaces }) => refusedPlaces,
  )
  figure(
    'served_damaged_blocks_total',
    'Blocks of the store that were damaged when peers asked for them, and are fetched again',
    ({ damagedBlocks }) => damagedBlocks,
  )
  const help = 'Bytes of blocks and nodes sent to peers, by what they were wanted for'
  addFigures(
    registry,
    { name: `${prefix}_served_bytes_total`, help, label: 'class' },
    () => serving().servedBytes,
  )
}
