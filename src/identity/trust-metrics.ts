import { Gauge, type Registry } from 'prom-client'
import type { Identity } from './identity-files.ts'
import type { TrustWatcher } from './trust-watcher.ts'

export interface TrustMetricsInit {
  /** First part of the names: bootswarm_tracker or bootswarm_node. */
  readonly prefix: string
  readonly identity: Identity
  readonly watcher: TrustWatcher
}

/** Series by which an operator sees in time that something must be renewed. Authorities are labels: there are few of them. */
export function addTrustMetrics(registry: Registry, { prefix, identity, watcher }: TrustMetricsInit): void {
  const registers = [registry]
  new Gauge({
    name: `${prefix}_cert_expiry_timestamp_seconds`,
    help: 'When the first certificate of the own chain ends',
    registers,
    collect() {
      this.set(identity.principal.notAfterMs / 1000)
    },
  })
  new Gauge({
    name: `${prefix}_crl_next_update_timestamp_seconds`,
    help: 'When the revocation list of an authority ends, and everything of it with the list',
    labelNames: ['issuer'],
    registers,
    collect() {
      this.reset()
      for (const { issuer, nextUpdateMs } of identity.trust.lists) this.set({ issuer }, nextUpdateMs / 1000)
    },
  })
  new Gauge({
    name: `${prefix}_trust_stale`,
    help: 'Whether certificates or revocation lists could not be read again, so that earlier ones count',
    registers,
    collect() {
      this.set(watcher.failure === undefined ? 0 : 1)
    },
  })
}
