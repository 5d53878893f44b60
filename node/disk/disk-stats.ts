/** What a disk has done since it was opened. Bytes are those of blocks, uncompressed, unless the name says otherwise. */
export interface DiskStats {
  readonly reads: number
  /** Bytes that were asked for by reads. */
  readonly readBytes: number
  /** Reads that failed. */
  readonly errors: number
  /** Reads that waited for other peers, those that still wait included. */
  readonly waits: number
  /** Milliseconds from the moment when reads began to wait for other peers until they were answered; but for the sum, those that still wait count with their age. */
  readonly waitMs: {
    readonly p50: number
    readonly p95: number
    readonly p99: number
    readonly max: number
    readonly sum: number
  }
  /** For each bucket of such waits that have ended its upper end and their number, where there are any. */
  readonly waitBuckets: readonly { readonly upToMs: number; readonly count: number }[]
  /** Share of the reads that were, or will be, answered from what was here; 1 without any. */
  readonly shareLocal: number
  /** Times that a read waited for DISK_STALL_MS. */
  readonly stalls: number
  /** Blocks that were damaged in the store and were fetched again. */
  readonly damagedBlocks: number
  readonly bytes: {
    /** Inflated from the store. */
    readonly store: number
    /** Fetched for its reads and ahead of them. */
    readonly fetched: number
    /** Wire bytes that all disks and pulls of the image have fetched since its session began. */
    readonly wireFromOrigin: number
    readonly wireFromPeers: number
  }
  readonly boot: Readonly<BootStats>
  /** Runs of the image that are here, and all. */
  readonly runs: { readonly held: number; readonly total: number }
}

/** What a boot profile has done for a disk while a boot was recorded over it. Bytes are those of the disk, unless the name says otherwise. */
export interface BootStats {
  /** Covered by the profile; 0 without one. */
  profileBytes: number
  /** ... of these, what guests have read. */
  usedBytes: number
  /** Of blocks that were fetched because of it. */
  fetchedBytes: number
  /** Reads of guests, and those of them that it covered. */
  reads: number
  hits: number
}

export function noBoot(): BootStats {
  return { profileBytes: 0, usedBytes: 0, fetchedBytes: 0, reads: 0, hits: 0 }
}
