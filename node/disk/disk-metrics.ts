import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { DiskObject } from '../../src/api/disk-schemas.ts'
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

  /** Shows them; `disks` are asked when somebody looks. */
  addTo(registry: Registry, disks: { list(): readonly DiskObject[] }): void {
    registry.registerMetric(this.#durations)
    registry.registerMetric(this.#errors)
    registry.registerMetric(this.#bytes)
    registry.registerMetric(this.#connections)
    registry.registerMetric(this.#refusals)
    registry.registerMetric(this.#held)
    new Gauge({
      name: 'bootswarm_node_disks',
      help: 'Disks that are attached, by state',
      labelNames: ['state'] as const,
      registers: [registry],
      collect() {
        const states = disks.list().map((disk) => disk.state)
        for (const state of ['ready', 'stalled', 'unavailable'] as const)
          this.set({ state }, states.filter((one) => one === state).length)
      },
    })
  }
}

function named(name: string, help: string) {
  return { name: `bootswarm_node_nbd_${name}`, help, registers: [] }
}
