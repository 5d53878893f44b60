import type { SegmentPlan } from './planner.ts'

/** An answer: frames of `wireBytes`, which are blocks of `bytes`. */
export interface Arrived {
  readonly blocks: number
  readonly bytes: number
  readonly wireBytes: number
  /** It was here already. */
  readonly duplicate: boolean
  /** From the origin because no neighbour could give it. */
  readonly fallback: boolean
}

/** Counters of one session. Bytes are uncompressed unless the name says wire. */
export class SessionStats {
  readonly blocks = { total: 0, local: 0, seeded: 0, fetched: 0 }
  readonly bytes = {
    image: 0,
    local: 0,
    seeded: 0,
    fetchedUncompressed: 0,
    wireFromOrigin: 0,
    wireFromPeers: 0,
    duplicate: 0,
    wireFallback: 0,
  }

  plan(plan: SegmentPlan): void {
    this.blocks.total += plan.blocks.total
    this.blocks.local += plan.blocks.local
    this.blocks.seeded += plan.blocks.seeded
    this.bytes.image += plan.bytes.image
    this.bytes.local += plan.bytes.local
    this.bytes.seeded += plan.bytes.seeded
  }

  add(fromOrigin: boolean, amount: Arrived): void {
    if (fromOrigin) this.bytes.wireFromOrigin += amount.wireBytes
    else this.bytes.wireFromPeers += amount.wireBytes
    if (amount.fallback) this.bytes.wireFallback += amount.wireBytes
    if (amount.duplicate) {
      this.bytes.duplicate += amount.wireBytes
      return
    }
    this.blocks.fetched += amount.blocks
    this.bytes.fetchedUncompressed += amount.bytes
  }
}
