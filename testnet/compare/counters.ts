import type { Arena, ArenaHost, Traffic } from '../arena/arena.ts'

/** The counters of all links at one moment. */
export interface Counters {
  readonly origin: Traffic
  /** In the order of the hosts. */
  readonly receivers: readonly Traffic[]
  readonly racks: readonly Traffic[]
}

const NOTHING: Traffic = { sentBytes: 0, receivedBytes: 0 }

export async function countersOf(arena: Arena): Promise<Counters> {
  const [hosts, racks] = await Promise.all([
    trafficOf(arena.hosts),
    arena.racks.length > 1 ? trafficOf(arena.racks) : [],
  ])
  const [origin = NOTHING, ...receivers] = hosts
  return { origin, receivers, racks }
}

/** What went over each link between two moments. */
export function difference(before: Counters, after: Counters): Counters {
  const each = (from: readonly Traffic[], to: readonly Traffic[]) =>
    to.map((traffic, i) => less(traffic, from[i] ?? NOTHING))
  return {
    origin: less(after.origin, before.origin),
    receivers: each(before.receivers, after.receivers),
    racks: each(before.racks, after.racks),
  }
}

export function receivedBytes({ receivers }: Counters): number {
  return receivers.reduce((sum, traffic) => sum + traffic.receivedBytes, 0)
}

/** Each byte that went from one rack to another once: what left a rack; undefined with one rack. */
export function crossRackBytes({ racks }: Counters): number | undefined {
  if (racks.length < 2) return undefined
  return racks.reduce((sum, traffic) => sum + traffic.sentBytes, 0)
}

/** What came into each rack but the first, where the origin is, on average; undefined with one rack. */
export function furtherRackBytes({ racks }: Counters): number | undefined {
  if (racks.length < 2) return undefined
  return racks.slice(1).reduce((sum, traffic) => sum + traffic.receivedBytes, 0) / (racks.length - 1)
}

function less(after: Traffic, before: Traffic): Traffic {
  return {
    sentBytes: after.sentBytes - before.sentBytes,
    receivedBytes: after.receivedBytes - before.receivedBytes,
  }
}

function trafficOf(things: readonly Pick<ArenaHost, 'traffic'>[]): Promise<Traffic[]> {
  return Promise.all(things.map((thing) => thing.traffic()))
}
