import { randomInt } from 'node:crypto'
import type { PeerAddress } from '../../src/core/router.ts'

type Labels = Readonly<Record<string, string>>

/** Share of the places that peers of the same rack get first, and then peers of the same zone of what is left. */
const NEAR_SHARE = 0.7

/**
 * Up to `init.max` of `peers`, at random, near ones preferred: 70 % from the asker's rack, 70 % of the rest from its
 * zone, the rest from anywhere, so that racks stay connected. Places that nobody near takes go to the others.
 */
export function chooseHandout(
  peers: readonly PeerAddress[],
  init: { max: number; labels: Labels; random?: (below: number) => number },
): PeerAddress[] {
  const { max, labels, random = randomInt } = init
  const pool = shuffled(peers, random)
  if (pool.length <= max) return pool
  const rack = pool.filter((peer) => nearness(peer, labels) === 2)
  const zone = pool.filter((peer) => nearness(peer, labels) >= 1)
  const chosen = new Set<PeerAddress>()
  fill(chosen, rack, Math.floor(max * NEAR_SHARE))
  fill(chosen, zone, chosen.size + Math.floor((max - chosen.size) * NEAR_SHARE))
  fill(chosen, pool, max)
  return [...chosen]
}

/** 2: same rack, 1: same zone, 0: elsewhere. A label that the asker lacks is shared with nobody. */
function nearness(peer: PeerAddress, labels: Labels): 0 | 1 | 2 {
  const same = (name: string) => labels[name] !== undefined && labels[name] === peer.labels?.[name]
  const hasZone = labels['zone'] !== undefined
  if (same('rack') && (same('zone') || !hasZone)) return 2
  return same('zone') ? 1 : 0
}

function fill(chosen: Set<PeerAddress>, candidates: readonly PeerAddress[], size: number): void {
  for (const candidate of candidates) {
    if (chosen.size >= size) return
    chosen.add(candidate)
  }
}

function shuffled<T>(items: readonly T[], random: (below: number) => number): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const swap = out[i] as T
    out[i] = out[j] as T
    out[j] = swap
  }
  return out
}
