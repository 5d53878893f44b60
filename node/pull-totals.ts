import type { PullTotals } from './metrics.ts'
import type { Pull } from './pull.ts'

/** With what a pull has done so far. */
export function added(totals: PullTotals, { session }: Pull): PullTotals {
  const { wireFromOrigin, wireFromPeers, duplicate, wireFallback, seeded } = session.stats.bytes
  return {
    fromOrigin: totals.fromOrigin + wireFromOrigin,
    fromPeers: totals.fromPeers + wireFromPeers,
    duplicate: totals.duplicate + duplicate,
    fallback: totals.fallback + wireFallback,
    seeded: totals.seeded + seeded,
    corruptPeers: totals.corruptPeers + session.banned.length,
  }
}
