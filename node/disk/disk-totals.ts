import { type BootStats, type DiskStats, noBoot } from './disk-stats.ts'

/** Sums over all disks since the node started, those that were detached included. Bytes of blocks, uncompressed. */
export interface DiskSums {
  reads: number
  stalls: number
  damagedBlocks: number
  storeBytes: number
  fetchedBytes: number
  waitSeconds: number
  readonly boot: BootStats
  /** By the upper end of their bucket in seconds. */
  waits: Map<number, number>
}

/** Adds up what disks have done, whether or not they are still there. */
export class DiskTotals {
  readonly #closed = nothing()

  /** A disk is closed; it must not be counted as open any more. */
  closed(stats: DiskStats): void {
    add(this.#closed, stats)
  }

  sums(open: readonly DiskStats[]): DiskSums {
    const sums = { ...this.#closed, waits: new Map(this.#closed.waits), boot: { ...this.#closed.boot } }
    for (const stats of open) add(sums, stats)
    return sums
  }
}

function nothing(): DiskSums {
  const waits = new Map<number, number>()
  return {
    ...{ reads: 0, stalls: 0, damagedBlocks: 0, storeBytes: 0, fetchedBytes: 0, waitSeconds: 0 },
    waits,
    boot: noBoot(),
  }
}

function add(sums: DiskSums, stats: DiskStats): void {
  sums.reads += stats.reads
  sums.stalls += stats.stalls
  sums.damagedBlocks += stats.damagedBlocks
  sums.storeBytes += stats.bytes.store
  sums.fetchedBytes += stats.bytes.fetched
  sums.waitSeconds += stats.waitMs.sum / 1000
  for (const key of Object.keys(sums.boot) as (keyof BootStats)[]) sums.boot[key] += stats.boot[key]
  for (const { upToMs, count } of stats.waitBuckets)
    sums.waits.set(upToMs / 1000, (sums.waits.get(upToMs / 1000) ?? 0) + count)
}
