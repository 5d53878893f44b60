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

interface Counted {
  stats(): DiskStats
}

/** Adds up what disks have done, whether or not they are still there. */
export class DiskTotals {
  readonly #closed = nothing()
  readonly #closing = new Set<Counted>()

  /** Counts a disk that is no longer among the open ones while `close` runs, and what it has counted by then from then on. */
  async closing(disk: Counted | undefined, close: () => Promise<void>): Promise<void> {
    if (disk === undefined) return await close()
    this.#closing.add(disk)
    try {
      await close()
    } finally {
      this.#closing.delete(disk)
      add(this.#closed, disk.stats())
    }
  }

  sums(open: readonly Counted[]): DiskSums {
    const sums = { ...this.#closed, waits: new Map(this.#closed.waits), boot: { ...this.#closed.boot } }
    for (const disk of [...open, ...this.#closing]) add(sums, disk.stats())
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
