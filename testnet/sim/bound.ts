/** A network as far as its bounds depend on it. Rates in bytes per millisecond. */
export interface BoundInit {
  readonly bytes: number
  readonly nodes: number
  readonly originUp: number
  readonly nodeUp: number
  readonly nodeDown: number
  /** Racks of equal size with a shared uplink each; the origin stands in the first. */
  readonly racks?: { readonly count: number; readonly uplink: number } | undefined
}

/** What no protocol can beat, and why. */
export interface Bound {
  readonly ms: number
  readonly reason: 'origin' | 'download' | 'capacity' | 'rack uplink' | 'rack capacity'
}

/**
 * The least time until the last of N nodes that begin together has all F bytes: max(F/s, F/d, N·F/(s + N·u)) (Kumar and Ross, Peer-Assisted
 * File Distribution: The Minimum Distribution Time, 2006): the origin sends each byte at least once, each node receives all of them, and what all receive
 * somebody sends. With R racks of n = N/R nodes and an uplink of c each way, a rack other than the origin's takes at least one copy in through
 * its uplink, F/c; and what its nodes receive comes in through the uplink or from each other, so n·F ≤ T·(c + n·u), which gives
 * n·F/(c + n·u).
 */
export function distributionBound(init: BoundInit): Bound {
  const { bytes, nodes, originUp, nodeUp, nodeDown, racks } = init
  const bounds: Bound[] = [
    { reason: 'origin', ms: bytes / originUp },
    { reason: 'download', ms: bytes / nodeDown },
    { reason: 'capacity', ms: (nodes * bytes) / (originUp + nodes * nodeUp) },
  ]
  if (racks !== undefined && racks.count > 1) {
    const { uplink } = racks
    const inRack = nodes / racks.count
    bounds.push({ reason: 'rack uplink', ms: bytes / uplink })
    bounds.push({ reason: 'rack capacity', ms: (inRack * bytes) / (uplink + inRack * nodeUp) })
  }
  return bounds.reduce((most, bound) => (bound.ms > most.ms ? bound : most))
}
