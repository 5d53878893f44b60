import { RUN_BYTES_MAX } from '../../src/core/limits.ts'
import type { Bound } from './bound.ts'
import type { Cast } from './cast.ts'
import type { SimNode } from './sim-node.ts'
import type { Simulation } from './simulation.ts'

/** Times are those of a node from its own start, over the bound; bytes are in copies of the image. */
export interface Figures {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly last: number
  /** Nodes that were not complete when the simulation was over. */
  readonly unfinished: number
  readonly lateLast: number | undefined
  readonly originCopies: number
  /** Share of the received bytes that were here already. */
  readonly duplicateShare: number
  /** Copies that came into a rack from outside of it, mean of all racks but the first, where the origin is. */
  readonly crossRackCopies: number | undefined
  /** Requests to the tracker for each node, until it was complete. */
  readonly trackerRequests: number
  /** Messages of the exchange for each node, blocks not counted. */
  readonly messages: number
  readonly virtualSeconds: number
}

export function figuresOf(simulation: Simulation, given: Cast & { readonly bound: Bound }): Figures {
  const { ordinary, late, bound } = given
  const { init, nodes, racks, runs } = simulation
  const copyBytes = runs * RUN_BYTES_MAX
  const times = ordinary.filter((node) => node.isComplete).map((node) => timeOf(node) / bound.ms)
  const sorted = times.toSorted((a, b) => a - b)
  const received = sum(nodes, (node) => node.downloads.receivedBytes)
  const duplicates = sum(nodes, (node) => node.downloads.fetch.duplicateBytes)
  const linkMs = init.imageBytes / init.rate
  const entered = sum(racks.slice(1), (rack) => rack.down.bytes)
  return {
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    last: quantile(sorted, 1),
    unfinished: [...ordinary, ...late].filter((node) => !node.isComplete).length,
    lateLast: late.length === 0 ? undefined : Math.max(...late.map(timeOf)) / linkMs,
    originCopies: simulation.origin.host.sentBytes / copyBytes,
    duplicateShare: received === 0 ? 0 : duplicates / received,
    crossRackCopies: racks.length < 2 ? undefined : entered / (racks.length - 1) / copyBytes,
    trackerRequests: simulation.tracker.requests / Math.max(1, nodes.length),
    messages: simulation.network.messages / Math.max(1, nodes.length),
    virtualSeconds: simulation.queue.now() / 1000,
  }
}

function timeOf(node: SimNode): number {
  return node.isComplete ? node.completeMs - node.startedMs : Number.POSITIVE_INFINITY
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
