import {
  NEIGHBOUR_REBALANCE_MS,
  NEIGHBOURS_FAR_MIN,
  NEIGHBOURS_NEAR_SHARE,
  PEER_REFUSED_RETRY_MS,
  PEER_RETRY_MAX_MS,
  PEER_RETRY_MS,
  SESSION_ADDRESSES_MAX,
  SESSION_DIALS_MAX,
  SESSION_NEIGHBOURS_MAX,
  SESSION_NEIGHBOURS_MIN,
  SESSION_SETTLE_MS,
} from '../../core/limits.ts'
import { type Labels, type Nearness, nearness } from '../../core/nearness.ts'
import type { Random } from '../../core/random.ts'

/** A peer that may become a neighbour. */
export interface Candidate {
  readonly peer: string
  readonly labels?: Labels | undefined
  /** The origin does not count among the neighbours. */
  readonly origin?: boolean | undefined
}

interface Known {
  near: Nearness
  origin: boolean
  place: 'none' | 'joining' | 'joined'
  /** When its place was taken. */
  sinceMs: number
  tried: boolean
  /** Failures in a row. */
  failures: number
  retryAtMs: number
  /** Bytes exchanged with it at the last look. */
  bytes: number
}

/**
 * Which peers a session keeps as neighbours: it dials up to eight, takes in up to twenty-four and dials more when it has fewer than seventeen after a second, most of the same rack, then of the same zone, and always some of elsewhere,
 * so that the graph of a swarm stays connected. Every 30 s the least useful one makes room for another. State only: no
 * socket, no clock; a candidate costs about 150 bytes.
 */
export class NeighbourPolicy {
  readonly #random: Random
  readonly #labels: Labels
  readonly #max: number
  readonly #dialsMax: number
  readonly #settledMax: number
  /** The longest unheard first. */
  readonly #known = new Map<string, Known>()
  /** Origins without a place. */
  readonly #originsLeft = new Set<string>()
  readonly #banned = new Set<string>()
  /** Places of neighbours taken, by nearness. */
  readonly #taken: [number, number, number] = [0, 0, 0]
  /** Nobody can be dialled before. */
  #idleUntilMs = Number.NEGATIVE_INFINITY
  #firstMs: number | undefined
  #lookedMs: number | undefined

  constructor(
    components: { random: Random },
    init: { labels: Labels; max?: number; dialsMax?: number; settledMax?: number },
  ) {
    this.#random = components.random
    this.#labels = init.labels
    this.#max = init.max ?? SESSION_NEIGHBOURS_MAX
    this.#dialsMax = Math.min(this.#max, init.dialsMax ?? SESSION_DIALS_MAX)
    this.#settledMax = Math.min(
      this.#max,
      Math.max(this.#dialsMax, init.settledMax ?? SESSION_NEIGHBOURS_MIN),
    )
  }

  get banned(): string[] {
    return [...this.#banned]
  }

  /** Places taken, the origins' not counted. */
  get size(): number {
    return this.#taken[0] + this.#taken[1] + this.#taken[2]
  }

  /** Hears of a peer, for the first time or again. */
  learn(candidate: Candidate): void {
    const known = this.#known.get(candidate.peer) ?? this.#stranger(candidate)
    this.#known.delete(candidate.peer)
    this.#known.set(candidate.peer, known)
    if (candidate.origin === true && !known.origin) this.#becomeOrigin(known)
    if (known.origin && known.place === 'none') this.#originsLeft.add(candidate.peer)
    this.#forgetOldest()
    this.#idleUntilMs = Number.NEGATIVE_INFINITY
  }

  isOrigin(peer: string): boolean {
    return this.#known.get(peer)?.origin === true
  }

  /** Whom to dial now. They take their places with it: `joined` or `left` has to follow. */
  dials(nowMs: number): string[] {
    if (nowMs < this.#idleUntilMs) return []
    const chosen: string[] = []
    this.#firstMs ??= nowMs
    const most = nowMs - this.#firstMs < SESSION_SETTLE_MS ? this.#dialsMax : this.#settledMax
    if (this.size >= most && this.#originsLeft.size === 0) return []
    const ready = this.#ready(nowMs)
    for (const peer of ready.origins) chosen.push(this.#take(peer, nowMs))
    while (this.size < most) {
      const peer = this.#next(ready.byNearness)
      if (peer === undefined) break
      chosen.push(this.#take(peer, nowMs))
    }
    return chosen
  }

  /** A peer has opened the swarm here: true when it is worth a place. It takes it with that, as by `dials`. */
  welcome(candidate: Candidate, nowMs: number): boolean {
    const known = this.#known.get(candidate.peer)
    if (this.#banned.has(candidate.peer)) return false
    if (known !== undefined && (known.place !== 'none' || known.retryAtMs > nowMs)) return false
    if (known?.origin !== true && this.size >= this.#max) return false
    if (known === undefined) this.learn(candidate)
    this.#take(candidate.peer, nowMs)
    return true
  }

  /** `labels`: as its pass has them, which counts for more than what was heard of it. */
  joined(peer: string, nowMs: number, labels?: Labels): void {
    const known = this.#known.get(peer)
    if (known?.place !== 'joining') return
    if (labels !== undefined && !known.origin) {
      this.#taken[known.near]--
      known.near = nearness(labels, this.#labels)
      this.#taken[known.near]++
    }
    known.place = 'joined'
    known.sinceMs = nowMs
    known.failures = 0
    known.bytes = 0
  }

  /**
   * A place is free again. `failed`: the peer could not be joined or had to be dropped; each failure in a row doubles the time until it
   * is dialled again, which begins short when it `refused`: it may be about to begin. `retryMs`: what it has asked for.
   */
  left(peer: string, nowMs: number, why: { failed: boolean; refused?: boolean; retryMs?: number }): void {
    const { failed, refused = false, retryMs = 0 } = why
    const known = this.#known.get(peer)
    if (known === undefined) return
    if (known.place !== 'none' && !known.origin) this.#taken[known.near]--
    known.place = 'none'
    if (known.origin) this.#originsLeft.add(peer)
    if (failed) known.failures++
    const doubled = (refused ? PEER_REFUSED_RETRY_MS : PEER_RETRY_MS) * 2 ** Math.max(0, known.failures - 1)
    // Origins are few and everybody needs them.
    const backoffMs = known.origin ? PEER_RETRY_MS : Math.min(PEER_RETRY_MAX_MS, doubled)
    known.retryAtMs = nowMs + Math.max(retryMs, backoffMs)
    this.#idleUntilMs = Number.NEGATIVE_INFINITY
  }

  /** Never again in this session. */
  ban(peer: string): void {
    this.left(peer, 0, { failed: true })
    this.#banned.add(peer)
    this.#known.delete(peer)
    this.#originsLeft.delete(peer)
  }

  /**
   * Every 30 s: the neighbour to part with because another candidate may be of more use; the fewest bytes both ways since the last
   * look decide. `bytesOf`: bytes exchanged with a peer so far.
   */
  rebalance(nowMs: number, bytesOf: (peer: string) => number): string | undefined {
    this.#lookedMs ??= nowMs
    if (nowMs - this.#lookedMs < NEIGHBOUR_REBALANCE_MS) return undefined
    this.#lookedMs = nowMs
    const ready = this.size < this.#dialsMax ? undefined : this.#ready(nowMs).byNearness
    let least: { peer: string; bytes: number } | undefined
    for (const [peer, known] of this.#known) {
      if (known.place !== 'joined' || known.origin) continue
      const bytes = bytesOf(peer)
      const since = bytes - known.bytes
      known.bytes = bytes
      if (ready === undefined || nowMs - known.sinceMs < NEIGHBOUR_REBALANCE_MS) continue
      if (!this.#replaceable(known.near, ready)) continue
      if (least === undefined || since < least.bytes) least = { peer, bytes: since }
    }
    return least?.peer
  }

  #stranger({ peer, labels, origin }: Candidate): Known {
    if (this.#banned.has(peer)) return { ...UNKNOWN, retryAtMs: Number.POSITIVE_INFINITY }
    return { ...UNKNOWN, near: nearness(labels, this.#labels), origin: origin === true }
  }

  #becomeOrigin(known: Known): void {
    if (known.place !== 'none') this.#taken[known.near]--
    known.origin = true
  }

  #take(peer: string, nowMs: number): string {
    const known = this.#known.get(peer)
    if (known === undefined) return peer
    if (!known.origin) this.#taken[known.near]++
    this.#originsLeft.delete(peer)
    Object.assign(known, { place: 'joining', sinceMs: nowMs, tried: true })
    return peer
  }

  /** Whom one could dial, by nearness; those that were never tried are at the end. */
  #ready(nowMs: number): { origins: string[]; byNearness: string[][] } {
    const fresh: string[][] = [[], [], []]
    const tried: string[][] = [[], [], []]
    const origins: string[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [peer, known] of this.#known) {
      if (known.place !== 'none') continue
      if (known.retryAtMs > nowMs) nextMs = Math.min(nextMs, known.retryAtMs)
      else if (known.origin) origins.push(peer)
      else (known.tried ? tried : fresh)[known.near]?.push(peer)
    }
    const byNearness = tried.map((peers, near) => [
      ...shuffle(peers, this.#random),
      ...shuffle(fresh[near] ?? [], this.#random),
    ])
    const none = origins.length === 0 && byNearness.every((peers) => peers.length === 0)
    if (none) this.#idleUntilMs = nextMs
    return { origins, byNearness }
  }

  /**
   * 70 % of the places for the rack and 70 % of the rest for the zone, but some for peers of elsewhere; what no peer of the kind takes goes to the others.
   */
  #next([elsewhere = [], zone = [], rack = []]: string[][]): string | undefined {
    const rackMax = Math.floor(this.#dialsMax * NEIGHBOURS_NEAR_SHARE)
    const zoneMax = Math.floor((this.#dialsMax - rackMax) * NEIGHBOURS_NEAR_SHARE)
    if (this.#taken[2] < rackMax && rack.length > 0) return rack.pop()
    if (this.#taken[0] < NEIGHBOURS_FAR_MIN && elsewhere.length > 0) return elsewhere.pop()
    if (this.#taken[1] < zoneMax && zone.length > 0) return zone.pop()
    return rack.pop() ?? zone.pop() ?? elsewhere.pop()
  }

  /** Whether one of that nearness could be replaced without losing what keeps the graph connected, or the near ones. */
  #replaceable(near: Nearness, ready: readonly (readonly string[])[]): boolean {
    if ((ready[near]?.length ?? 0) > 0) return true
    if (near === 2) return false
    const nearer = ready.slice(near + 1).some((peers) => peers.length > 0)
    return nearer && (near !== 0 || this.#taken[0] > NEIGHBOURS_FAR_MIN)
  }

  #forgetOldest(): void {
    for (const [peer, known] of this.#known) {
      if (this.#known.size <= SESSION_ADDRESSES_MAX) return
      if (known.place === 'none' && !known.origin) this.#known.delete(peer)
    }
  }
}

const UNKNOWN: Known = {
  near: 0,
  origin: false,
  place: 'none',
  sinceMs: 0,
  tried: false,
  failures: 0,
  retryAtMs: Number.NEGATIVE_INFINITY,
  bytes: 0,
}

function shuffle(items: string[], random: Random): string[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swap = items[i] as string
    items[i] = items[j] as string
    items[j] = swap
  }
  return items
}
