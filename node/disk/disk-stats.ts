/** What a disk has done since it was opened. Bytes are those of blocks, uncompressed, unless the name says otherwise. */
export interface DiskStats {
  readonly reads: number
  /** Bytes that were asked for by reads. */
  readonly readBytes: number
  /** Reads that failed. */
  readonly errors: number
  /** Reads that waited for other peers. */
  readonly waits: number
  /** Milliseconds that reads took that waited for other peers. */
  readonly waitMs: {
    readonly p50: number
    readonly p95: number
    readonly p99: number
    readonly max: number
    readonly sum: number
  }
  /** For each bucket of such waits that is not empty its upper end and their number. */
  readonly waitBuckets: readonly { readonly upToMs: number; readonly count: number }[]
  /** Share of the reads that were answered from what was here; 1 without any. */
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
  /** Runs of the image that are here, and all. */
  readonly runs: { readonly held: number; readonly total: number }
}
