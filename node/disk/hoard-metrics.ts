import { Gauge, type Registry } from 'prom-client'
import type { Hoard, HoardFigures } from './hoard.ts'

/** What is kept ready of boots, and what that took. */
export function addHoardMetrics(registry: Registry, hoard: Pick<Hoard, 'figures'>): void {
  const gauge = (name: string, help: string, read: (figures: HoardFigures) => number) =>
    new Gauge({
      ...{ name: `bootswarm_node_hoard_${name}`, help, registers: [registry] },
      collect() {
        this.set(read(hoard.figures))
      },
    })
  gauge('images', 'Images whose boots are kept ready', ({ images }) => images)
  gauge('bytes', 'Bytes of disks that these boots read', ({ bytes }) => bytes)
  gauge('budget_bytes', 'How many they may be', ({ budgetBytes }) => budgetBytes)
  gauge('fetched_bytes_total', 'Bytes of blocks that were fetched for it', ({ fetchedBytes }) => fetchedBytes)
  gauge('evicted_total', 'Images that gave way to others', ({ evicted }) => evicted)
}
