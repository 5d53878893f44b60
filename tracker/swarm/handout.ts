import { type Labels, nearness } from '../../src/core/nearness.ts'
import type { PeerAddress } from '../../src/core/router.ts'

/** Share of the places that peers of the same rack get first, and then peers of the same zone of what is left. */
const NEAR_SHARE = 0.7

/**
 * Up to `init.max` of `peers`, at random, near ones preferred: 70 % from the asker's rack, 70 % of the rest from its
 * zone, the rest from anywhere, so that racks stay connected. Places that nobody near takes go to the others.
 */
export function chooseHandout(
  peers: readonly PeerAddress[],
  init: { max: number; labels: Labels; random?: () => number },
): PeerAddress[] {
  const { max, labels, random = Math.random } = init
  const chosen = new Set<PeerAddress>()
  const fill = (from: readonly PeerAddress[], size: number) => {
    // As many more as may be chosen already.
    for (const peer of sample(from, size + chosen.size, random)) {
      if (chosen.size >= size) return
      chosen.add(peer)
    }
  }
  if (peers.length > max) {
    fill(
      peers.filter((peer) => nearness(peer.labels, labels) === 2),
      Math.floor(max * NEAR_SHARE),
    )
    fill(
      peers.filter((peer) => nearness(peer.labels, labels) >= 1),
      chosen.size + Math.floor((max - chosen.size) * NEAR_SHARE),
    )
  }
  fill(peers, max)
  return [...chosen]
}

/** Up to `count` of the items, at random: the first steps of a Fisher-Yates shuffle. */
function sample<T>(items: readonly T[], count: number, random: () => number): T[] {
  const out = [...items]
  const end = Math.min(count, out.length)
  for (let i = 0; i < end; i++) {
    const j = i + Math.floor(random() * (out.length - i))
    const swap = out[i] as T
    out[i] = out[j] as T
    out[j] = swap
  }
  return out.slice(0, end)
}
