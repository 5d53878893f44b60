import type { SegmentPlan } from './planner.ts'

/** Counters of one session. Bytes are uncompressed unless the name says wire. */
export class SessionStats {
  readonly blocks = { total: 0, local: 0, fetched: 0 }
  readonly bytes = {
    image: 0,
    local: 0,
    fetchedUncompressed: 0,
    wireFromOrigin: 0,
    wireFromPeers: 0,
    duplicate: 0,
  }

  plan(plan: SegmentPlan): void {
    this.blocks.total += plan.blocks.total
    this.blocks.local += plan.blocks.local
    this.bytes.image += plan.bytes.image
    this.bytes.local += plan.bytes.local
  }

  /** An answer has arrived: frames of `wireBytes`, which are blocks of `bytes`. */
  add(
    fromOrigin: boolean,
    amount: { blocks: number; bytes: number; wireBytes: number; duplicate: boolean },
  ): void {
    if (fromOrigin) this.bytes.wireFromOrigin += amount.wireBytes
    else this.bytes.wireFromPeers += amount.wireBytes
    if (amount.duplicate) {
      this.bytes.duplicate += amount.wireBytes
      return
    }
    this.blocks.fetched += amount.blocks
    this.bytes.fetchedUncompressed += amount.bytes
  }
}
