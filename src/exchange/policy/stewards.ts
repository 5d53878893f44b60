import { STEWARD_MEMORY, STEWARD_RANKS_MAX, STEWARD_WAIT_MS, STEWARD_WAITS } from '../../core/limits.ts'
import type { RackPlace } from '../../core/router.ts'
import { clearUnit, setUnit, type Units, unitsOf } from './units.ts'

/**
 * Which runs may come from outside of the own rack. One mate, the steward, brings each run in: the one that rendezvous hashing (Thaler
 * and Ravishankar 1998) of the run and the names of those in the rack puts first. The others wait until it is in the rack, and take it
 * from there; when it does not come they step in one after the other, in the order of the same hash. In a rack of which a peer does not
 * know everybody, places that the tracker has counted stand for names, and jump hashing (Lamping and Veach 2014) of the run gives one of them: a rack
 * that grows moves as few runs as can be. Units that are in the rack are never taken from elsewhere. Work for one fact does not grow with the
 * image; a change of the rack goes through all runs once.
 */
export class Stewards {
  readonly #parts: number
  readonly #self: string
  readonly #rank: Uint8Array
  /** Mates that hold a unit. */
  readonly #near: Uint8Array
  readonly #allowed: Units
  /** Units whose time has come although their steward has not brought them. */
  readonly #late: Units
  /** When somebody outside was first known to hold a run, in milliseconds after the first such moment; -1 before. */
  readonly #seenMs: Float32Array
  /** Runs by rank, in the order in which they were seen outside; #heads of them are done. */
  readonly #waiting: number[][] = Array.from({ length: STEWARD_RANKS_MAX + 1 }, () => [])
  readonly #heads = new Uint32Array(STEWARD_RANKS_MAX + 1)
  #startMs: number | undefined
  #meanMs = 0

  constructor(init: { runs: number; parts: number; self: string }) {
    this.#parts = init.parts
    this.#self = init.self
    this.#rank = new Uint8Array(init.runs)
    this.#near = new Uint8Array(init.runs * init.parts)
    this.#allowed = unitsOf(init.runs * init.parts).fill(-1)
    this.#late = unitsOf(init.runs * init.parts)
    this.#seenMs = new Float32Array(init.runs).fill(-1)
  }

  /** Units that may be wanted from outside of the rack. */
  get allowed(): Units {
    return this.#allowed
  }

  /** What a steward is waited for before the next one steps in. */
  get waitMs(): number {
    return Math.max(STEWARD_WAIT_MS, STEWARD_WAITS * this.#meanMs)
  }

  /** Who else in the rack is known to fetch or hold the image. */
  setMates(mates: readonly string[]): void {
    const self = hashOf(this.#self)
    const others = mates.map(hashOf)
    for (let run = 0; run < this.#rank.length; run++) {
      const mine = mix(self, run)
      let rank = 0
      for (const other of others) if (mix(other, run) > mine) rank++
      this.#rank[run] = Math.min(rank, STEWARD_RANKS_MAX)
    }
    this.#ranked()
  }

  /** Which one of its rack this peer is, where the names of all others are not known. */
  setPlace({ place, of }: RackPlace): void {
    for (let run = 0; run < this.#rank.length; run++) {
      let rank = 0
      while (rank < STEWARD_RANKS_MAX && jump(mix(rank, run), of) !== place) rank++
      this.#rank[run] = rank
    }
    this.#ranked()
  }

  #ranked(): void {
    for (let unit = 0; unit < this.#near.length; unit++) this.#decide(unit)
    this.#queueAgain()
  }

  /** Runs wait by their new ranks. */
  #queueAgain(): void {
    this.#heads.fill(0)
    for (const waiting of this.#waiting) waiting.length = 0
    const seen: number[] = []
    for (let run = 0; run < this.#rank.length; run++) if ((this.#seenMs[run] ?? -1) >= 0) seen.push(run)
    seen.sort((a, b) => (this.#seenMs[a] ?? 0) - (this.#seenMs[b] ?? 0))
    for (const run of seen) this.#waiting[this.#rank[run] ?? 0]?.push(run)
  }

  /** Whether this peer is the steward of a run. */
  isSteward(run: number): boolean {
    return this.#rank[run] === 0
  }

  mateHas(unit: number, nowMs: number): void {
    this.#near[unit] = (this.#near[unit] ?? 0) + 1
    if (this.#near[unit] !== 1) return
    clearUnit(this.#allowed, unit)
    const run = Math.floor(unit / this.#parts)
    const seenMs = this.#seenMs[run] ?? -1
    if (seenMs < 0 || this.isSteward(run) || this.#startMs === undefined) return
    this.#meanMs += (nowMs - this.#startMs - seenMs - this.#meanMs) / STEWARD_MEMORY
  }

  mateLost(unit: number): void {
    this.#near[unit] = Math.max(0, (this.#near[unit] ?? 0) - 1)
    this.#decide(unit)
  }

  outsiderHas(unit: number, nowMs: number): void {
    const run = Math.floor(unit / this.#parts)
    if ((this.#seenMs[run] ?? 0) >= 0) return
    this.#startMs ??= nowMs
    this.#seenMs[run] = nowMs - this.#startMs
    this.#waiting[this.#rank[run] ?? 0]?.push(run)
  }

  /** Allows what has waited for its steward too long. Returns when that may be so again; infinite when nothing waits. */
  refresh(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (let rank = 1; rank <= STEWARD_RANKS_MAX; rank++) {
      const waiting = this.#waiting[rank] ?? []
      let head = this.#heads[rank] ?? 0
      for (; head < waiting.length; head++) {
        const run = waiting[head] ?? 0
        const dueMs = (this.#startMs ?? 0) + (this.#seenMs[run] ?? 0) + rank * this.waitMs
        if (dueMs > nowMs) {
          nextMs = Math.min(nextMs, dueMs)
          break
        }
        this.#setLate(run)
      }
      this.#heads[rank] = head
    }
    return nextMs
  }

  #setLate(run: number): void {
    for (let unit = run * this.#parts; unit < (run + 1) * this.#parts; unit++) {
      setUnit(this.#late, unit)
      this.#decide(unit)
    }
  }

  #decide(unit: number): void {
    const late = ((this.#late[unit >>> 5] ?? 0) & (1 << (unit & 31))) !== 0
    const mine = this.#rank[Math.floor(unit / this.#parts)] === 0
    if (this.#near[unit] === 0 && (mine || late)) setUnit(this.#allowed, unit)
    else clearUnit(this.#allowed, unit)
  }
}

/** FNV-1a of a name, 32 bits; for `mix`. */
export function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** One of so many places for a key; with another one more, that one or the same. */
function jump(key: number, places: number): number {
  let at = 0
  for (let next = 0, hash = key; next < places; ) {
    at = next
    hash = mix(hash, at)
    next = Math.floor((at + 1) / ((hash + 1) / 0x100000000))
  }
  return at
}

/** Mixes a name's hash with a run (the finalizer of MurmurHash3). */
export function mix(name: number, run: number): number {
  let hash = name ^ Math.imul(run + 1, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
