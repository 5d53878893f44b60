import type { Registry } from 'prom-client'
import { addFigure } from '../../src/util/figures.ts'
import type { Hoard, HoardFigures } from './hoard.ts'

/** What is kept ready of boots, and what that took. */
export function addHoardMetrics(registry: Registry, hoard: Pick<Hoard, 'figures'>): void {
  const figure = (name: string, help: string, read: (figures: HoardFigures) => number) =>
    addFigure(registry, { name: `bootswarm_node_hoard_${name}`, help }, () => read(hoard.figures))
  figure('images', 'Images whose boots are kept ready', ({ images }) => images)
  figure('bytes', 'Bytes of disks that these boots read', ({ bytes }) => bytes)
  figure('budget_bytes', 'How many they may be', ({ budgetBytes }) => budgetBytes)
  figure(
    'fetched_bytes_total',
    'Bytes of blocks that were fetched for it',
    ({ fetchedBytes }) => fetchedBytes,
  )
  figure('evicted_total', 'Images that gave way to others', ({ evicted }) => evicted)
}
