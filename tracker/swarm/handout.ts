import { type Labels, nearness } from '../../src/core/nearness.ts'
import {
  HANDOUT_DRAWS_MAX,
  HANDOUT_FAR_SHARE,
  HANDOUT_HOLDER_WEIGHT,
  HANDOUT_LOAD_HALF_MS,
  HANDOUT_NEAR_SHARE,
} from '../../src/core/registry-limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Bucket } from './bucket.ts'
import type { Locality, Located } from './locality.ts'

/** A peer that may be handed out. */
export interface Candidate extends Located {
  readonly peer: PeerKey
  /** Share of the manifest that it holds, 0 to 1. */
  readonly held: number
  /** How often it was handed out lately, each time counting half after HANDOUT_LOAD_HALF_MS, as of `givenAtMs`. */
  given: number
  givenAtMs: number
}

export interface HandoutInit {
  /** Who asks; it is not in its own handout. */
  readonly peer: PeerKey
  readonly labels: Labels
  /** Share of the manifest that it holds. */
  readonly held: number
  readonly max: number
  /** Not to be handed out. */
  readonly without?: ReadonlySet<PeerKey>
  readonly random: () => number
  readonly nowMs: number
}

/**
 * Up to `max` peers of a swarm: 70 % from the asker's rack, 70 % of the rest from its zone, a tenth from other racks, and anybody
 * for the places that nobody near takes. For each place two are drawn and the better one is taken (the power of two choices;
 * Mitzenmacher 2001): the one that holds more, the more so the less the asker holds, and that was handed out less lately. The work
 * depends on `max` and not on the size of the swarm. State changes only in what was chosen: it counts as handed out.
 */
export function chooseHandout<T extends Candidate>(peers: Locality<T>, init: HandoutInit): T[] {
  const chosen = new Set<T>()
  const { max, labels } = init
  if (peers.all.size <= max) fill(peers.all, { ...init, chosen, size: max })
  else {
    const far = Math.ceil(max * HANDOUT_FAR_SHARE)
    fill(peers.rackOf(labels), { ...init, chosen, size: Math.floor(max * HANDOUT_NEAR_SHARE) })
    const zone = Math.max(0, Math.floor((max - far - chosen.size) * HANDOUT_NEAR_SHARE))
    fill(peers.zoneOf(labels), { ...init, chosen, size: chosen.size + zone })
    fill(peers.all, { ...init, chosen, size: chosen.size + far, elsewhere: true })
    fill(peers.all, { ...init, chosen, size: max })
  }
  for (const peer of chosen) {
    peer.given = loadOf(peer, init.nowMs) + 1
    peer.givenAtMs = init.nowMs
  }
  return [...chosen]
}

interface Filling<T> extends HandoutInit {
  readonly chosen: Set<T>
  /** How many are to be chosen in all when it is done. */
  readonly size: number
  /** Only from other racks. */
  readonly elsewhere?: boolean
}

function fill<T extends Candidate>(from: Bucket<T> | undefined, filling: Filling<T>): void {
  if (from === undefined) return
  const { chosen, size, random } = filling
  // Of few, drawing would find the last ones late: then each is looked at once.
  if (from.size <= 2 * size) return fillFromFew(from, filling)
  for (let draws = (size - chosen.size) * HANDOUT_DRAWS_MAX; draws > 0 && chosen.size < size; draws--) {
    const one = usable(from.any(random), filling)
    const other = usable(from.any(random), filling)
    const better = betterOf(one, other, filling)
    if (better !== undefined) chosen.add(better)
  }
}

function fillFromFew<T extends Candidate>(from: Bucket<T>, filling: Filling<T>): void {
  const { chosen, size, random } = filling
  const left = Array.from({ length: from.size }, (_, index) => usable(from.at(index), filling)).filter(
    (peer) => peer !== undefined,
  )
  while (chosen.size < size && left.length > 0) {
    const [i, j] = [Math.floor(random() * left.length), Math.floor(random() * left.length)]
    const better = betterOf(left[i], left[j], filling)
    if (better === undefined) return
    chosen.add(better)
    const index = better === left[i] ? i : j
    const last = left.pop()
    if (last !== undefined && last !== better) left[index] = last
  }
}

function usable<T extends Candidate>(peer: T | undefined, filling: Filling<T>): T | undefined {
  if (peer === undefined || peer.peer === filling.peer || filling.chosen.has(peer)) return undefined
  if (filling.without?.has(peer.peer) === true) return undefined
  return filling.elsewhere === true && nearness(peer.labels, filling.labels) === 2 ? undefined : peer
}

function betterOf<T extends Candidate>(
  one: T | undefined,
  other: T | undefined,
  init: HandoutInit,
): T | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return worthOf(other, init) > worthOf(one, init) ? other : one
}

function worthOf(peer: Candidate, { held, nowMs }: HandoutInit): number {
  const wants = 1 - held
  return (1 + wants * (HANDOUT_HOLDER_WEIGHT - 1) * peer.held) / (1 + loadOf(peer, nowMs))
}

function loadOf({ given, givenAtMs }: Candidate, nowMs: number): number {
  return given === 0 ? 0 : given * 0.5 ** ((nowMs - givenAtMs) / HANDOUT_LOAD_HALF_MS)
}
