import {
  PEER_RETRY_MS,
  SERVING_NEWCOMER_MS,
  SERVING_NEWCOMER_PLACES,
  SERVING_PLACES_MAX,
} from '../../core/limits.ts'

interface Placed {
  readonly sinceMs: number
  /** Channels in which it has the swarm open. */
  opens: number
  /** Bytes given and taken when it came. */
  readonly bytes: number
}

/** What became of somebody who asks for a place. `displaced`: who has to leave for it. */
export type PlaceAnswer =
  | { readonly admitted: true; readonly displaced?: string }
  | { readonly admitted: false; readonly retryMs: number }

/**
 * The places at the serving side of one swarm: twenty-eight peers at a time. Where all are taken a newcomer displaces the least useful of
 * those that have been here for a while, up to as many newcomers as places are kept for them; so a swarm in which early peers hold everything does
 * not starve the late. State only.
 */
export class ServingPlaces {
  readonly #max: number
  readonly #newcomersMax: number
  readonly #placed = new Map<string, Placed>()

  constructor(init: { max?: number; newcomers?: number } = {}) {
    this.#max = init.max ?? SERVING_PLACES_MAX
    this.#newcomersMax = init.newcomers ?? SERVING_NEWCOMER_PLACES
  }

  get size(): number {
    return this.#placed.size
  }

  has(peer: string): boolean {
    return this.#placed.has(peer)
  }

  /** A peer that may be in the swarm asks for a place. `bytesOf`: bytes exchanged with a peer so far, both ways. */
  enter(peer: string, nowMs: number, bytesOf: (peer: string) => number): PlaceAnswer {
    const placed = this.#placed.get(peer)
    if (placed !== undefined) placed.opens++
    if (placed !== undefined) return { admitted: true }
    if (this.#placed.size < this.#max) return this.#place(peer, nowMs, bytesOf)
    const displaced = this.#leastUseful(nowMs, bytesOf)
    if (displaced === undefined) return { admitted: false, retryMs: PEER_RETRY_MS }
    this.#placed.delete(displaced)
    return { ...this.#place(peer, nowMs, bytesOf), displaced }
  }

  leave(peer: string): void {
    const placed = this.#placed.get(peer)
    if (placed !== undefined && --placed.opens <= 0) this.#placed.delete(peer)
  }

  #place(peer: string, nowMs: number, bytesOf: (peer: string) => number) {
    this.#placed.set(peer, { sinceMs: nowMs, opens: 1, bytes: bytesOf(peer) })
    return { admitted: true } as const
  }

  /** Of those who are no newcomers any more; undefined while newcomers have all the places that are kept for them. */
  #leastUseful(nowMs: number, bytesOf: (peer: string) => number): string | undefined {
    let newcomers = 0
    let least: { peer: string; rate: number } | undefined
    for (const [peer, placed] of this.#placed) {
      const ageMs = nowMs - placed.sinceMs
      if (ageMs < SERVING_NEWCOMER_MS) newcomers++
      else {
        const rate = (bytesOf(peer) - placed.bytes) / ageMs
        if (least === undefined || rate < least.rate) least = { peer, rate }
      }
    }
    return newcomers < this.#newcomersMax ? least?.peer : undefined
  }
}
