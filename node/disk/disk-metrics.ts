import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { addFigure, addFigures } from '../../src/util/figures.ts'
import type { WireBytes } from './disk-image.ts'
import type { DiskSums } from './disk-totals.ts'
import type { Disks } from './disks.ts'
import type { NbdAnswer, NbdObserver, NbdRefusal } from './nbd/observer.ts'

/** From a page that is in memory to the time after which a guest gives its disk up. */
const SECONDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
const OP = ['op'] as const

/** What machines ask of disks, counted. No label grows with disks or machines. */
export class DiskMetrics implements NbdObserver {
  readonly #durations = new Histogram({
    ...named('request_duration_seconds', 'Requests of machines, from their arrival until they were answered'),
    labelNames: OP,
    buckets: SECONDS,
  })
  readonly #errors = new Counter({
    ...named('errors_total', 'Requests that were answered with an error'),
    labelNames: OP,
  })
  readonly #bytes = new Counter({
    ...named('requested_bytes_total', 'Bytes that requests asked for, or spoke of'),
    labelNames: OP,
  })
  readonly #connections = new Gauge(named('connections', 'Connections of machines'))
  readonly #refusals = new Counter({
    ...named('refusals_total', 'Connections that were not served'),
    labelNames: ['reason'] as const,
  })
  readonly #held = new Histogram({
    ...named('backpressure_seconds', 'How long a connection was not read, because too much was under way'),
    buckets: SECONDS,
  })

  connected(): void {
    this.#connections.inc()
  }

  disconnected(): void {
    this.#connections.dec()
  }

  refused(reason: NbdRefusal): void {
    this.#refusals.inc({ reason })
  }

  answered({ command, bytes, seconds, error }: NbdAnswer): void {
    const op = { op: command }
    this.#durations.observe(op, seconds)
    this.#bytes.inc(op, bytes)
    if (error !== 0) this.#errors.inc(op)
  }

  stalled(seconds: number): void {
    this.#held.observe(seconds)
  }

  /** Shows them; `disks` are asked when somebody looks, and `wire`: what came for their images. */
  addTo(registry: Registry, disks: Pick<Disks, 'list' | 'totals'>, wire: () => WireBytes): void {
    registry.registerMetric(this.#durations)
    registry.registerMetric(this.#errors)
    registry.registerMetric(this.#bytes)
    registry.registerMetric(this.#connections)
    registry.registerMetric(this.#refusals)
    registry.registerMetric(this.#held)
    const attached = { name: 'bootswarm_node_disks', help: 'Disks that are attached, by state' }
    addFigures(registry, { ...attached, label: 'state' }, () => {
      const counts = { ready: 0, stalled: 0, unavailable: 0 }
      for (const { state } of disks.list()) counts[state]++
      return counts
    })
    addTotals(registry, () => disks.totals())
    addBoots(registry, () => disks.totals())
    addWire(registry, wire)
    registry.registerMetric(new WaitMetric(() => disks.totals()))
  }
}

function addTotals(registry: Registry, sums: () => DiskSums): void {
  const total = (name: string, help: string, read: (sums: DiskSums) => number) =>
    addFigure(registry, { name: `bootswarm_node_disk_${name}_total`, help }, () => read(sums()))
  total('reads', 'Reads of machines', ({ reads }) => reads)
  total('stalls', 'Reads that waited so long that an alarm was raised', ({ stalls }) => stalls)
  total(
    'damaged_blocks',
    'Blocks that were damaged in the store and fetched again',
    (all) => all.damagedBlocks,
  )
  const help = 'Bytes of blocks for reads of machines: from the store, or fetched for them and ahead of them'
  addFigures(registry, { name: 'bootswarm_node_disk_bytes_total', help, label: 'source' }, () => {
    const { storeBytes, fetchedBytes } = sums()
    return { store: storeBytes, fetched: fetchedBytes }
  })
}

function addWire(registry: Registry, wire: () => WireBytes): void {
  const help =
    'Bytes of frames received for images while they were open as disks or brought in by the hoard, by source'
  addFigures(registry, { name: 'bootswarm_node_disk_wire_bytes_total', help, label: 'source' }, () => {
    const { fromOrigin, fromPeers } = wire()
    return { origin: fromOrigin, peer: fromPeers }
  })
}

function addBoots(registry: Registry, sums: () => DiskSums): void {
  const bytes = {
    name: 'bootswarm_node_disk_profile_bytes_total',
    help: 'Bytes of disks that boot profiles covered, what machines have read of these while they booted, and bytes of blocks that were fetched for profiles',
  }
  addFigures(registry, { ...bytes, label: 'kind' }, () => {
    const { profileBytes, usedBytes, fetchedBytes } = sums().boot
    return { covered: profileBytes, used: usedBytes, fetched: fetchedBytes }
  })
  const reads = {
    name: 'bootswarm_node_disk_profile_reads_total',
    help: 'Reads of machines while they booted over disks with boot profiles, by whether the profile covered them',
  }
  addFigures(registry, { ...reads, label: 'covered' }, () => {
    const { reads, hits } = sums().boot
    return { yes: hits, no: reads - hits }
  })
}

const WAIT = 'bootswarm_node_disk_wait_seconds'
const WAIT_HELP = 'Reads that waited for other machines, and how long'

/** The waits that disks have counted themselves, right within a quarter. */
class WaitMetric extends Histogram {
  readonly #sums: () => DiskSums

  constructor(sums: () => DiskSums) {
    super({
      name: WAIT,
      help: WAIT_HELP,
      buckets: SECONDS,
      registers: [],
    })
    this.#sums = sums
  }

  /** What prom-client asks for when it writes text, and what its `get` is made of. */
  async getForPromString() {
    const { waits, waitSeconds } = this.#sums()
    const upTo = (seconds: number) =>
      [...waits].reduce((sum, [end, count]) => (end <= seconds ? sum + count : sum), 0)
    const all = upTo(Number.POSITIVE_INFINITY)
    const bucket = (le: number | string, value: number) => ({
      metricName: `${WAIT}_bucket`,
      labels: { le },
      value,
    })
    const values = [
      ...SECONDS.map((le) => bucket(le, upTo(le))),
      bucket('+Inf', all),
      { metricName: `${WAIT}_sum`, labels: {}, value: waitSeconds },
      { metricName: `${WAIT}_count`, labels: {}, value: all },
    ]
    return { name: WAIT, help: WAIT_HELP, type: 'histogram', aggregator: 'sum', values }
  }
}

function named(name: string, help: string) {
  return { name: `bootswarm_node_nbd_${name}`, help, registers: [] }
}
