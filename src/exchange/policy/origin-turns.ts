import {
  ORIGIN_ASKS_PER_SECOND,
  ORIGIN_IDLE_MS,
  ORIGIN_OUT_MS,
  ORIGIN_OUT_MS_MAX,
  ORIGIN_OUT_RUNS_MAX,
  ORIGIN_OUT_RUNS_MIN,
  ORIGIN_OUT_RUNS_START,
  ORIGIN_TURN_MS,
  ORIGIN_TURN_RETRY_MAX_MS,
  ORIGIN_TURN_RETRY_MS,
} from '../../core/limits.ts'

/** What an origin looks at when a peer asks it for runs. */
export interface TurnRequest {
  /** Names the peer in its swarm. */
  readonly asker: unknown
  /** Runs that it asks for. */
  readonly count: number
  /** It holds nothing, and was given nothing that it could hold by now: nobody can need it yet. */
  readonly newcomer: boolean
  /** No neighbour of it can give it anything. */
  readonly starving: boolean
}

export interface TurnComponents {
  /** Milliseconds for which the origin has had nothing to send; 0 while it has something. */
  idleMs(nowMs: number): number
}

/** Newcomers first, then those whom nobody else can help, then the rest. */
type Rank = 0 | 1 | 2

interface Out {
  runs: number
  /** When something was last assigned to or taken by it. */
  atMs: number
}

/**
 * Who gets runs from an origin, and how many: so many are out (assigned, and their taker has not told that it holds them) as come back in half a second. Whoever comes when
 * that is full is told to ask later, and its peers meanwhile; places that get free go to newcomers, then to the starving, then to the others. Thus each run
 * is whole somewhere soon, also when a thousand nodes ask at nine o'clock. While peers wait and the uplink is idle, takers are slow with everything but their links: then more is out, up to what
 * comes back in four seconds. State only.
 */
export class OriginTurns {
  readonly #components: TurnComponents
  readonly #out = new Map<unknown, Out>()
  /** Who was told to wait, the longest silent first. */
  readonly #waiting = new Map<unknown, { rank: Rank; atMs: number }>()
  readonly #waitingOf: [number, number, number] = [0, 0, 0]
  #runsOut = 0
  /** Runs told a second; what it begins with is found out soon. */
  #rate = (ORIGIN_OUT_RUNS_START * 1000) / ORIGIN_OUT_MS
  /** Time at that rate whose runs may be out. */
  #outMs = ORIGIN_OUT_MS
  #windowMs: number | undefined
  #toldInWindow = 0
  /** Time in this window that the uplink was idle while peers waited, and until when that is known. */
  #idleInWindowMs = 0
  #lookedMs = 0

  constructor(components: TurnComponents) {
    this.#components = components
  }

  /** Whether the origin has had nothing to send for a moment. */
  isIdle(nowMs: number): boolean {
    return this.#components.idleMs(nowMs) > ORIGIN_IDLE_MS
  }

  /** Runs assigned and not told yet. */
  get runsOut(): number {
    return this.#runsOut
  }

  /** Peers that were told to wait and still ask. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Runs that may be out at a time now. */
  get runsOutMax(): number {
    const runs = Math.ceil((this.#rate * this.#outMs) / 1000)
    return Math.min(ORIGIN_OUT_RUNS_MAX, Math.max(ORIGIN_OUT_RUNS_MIN, runs))
  }

  /** How many runs the peer may be assigned now; 0: it has to wait. */
  grant(request: TurnRequest, nowMs: number): number {
    this.#expire(nowMs)
    const waited = this.#waiting.size > 0
    const rank: Rank = request.newcomer ? 0 : request.starving ? 1 : 2
    this.#leaveQueue(request.asker)
    const free = this.runsOutMax - this.#runsOut - this.#before(rank)
    const mine = this.#out.get(request.asker)?.runs ?? 0
    const others = this.#out.size + this.#waiting.size - (mine > 0 ? 1 : 0)
    const share = Math.ceil(this.runsOutMax / (others + 1))
    const count = Math.min(request.count, free, share - mine)
    if (count > 0) return count
    this.#waiting.set(request.asker, { rank, atMs: nowMs })
    this.#waitingOf[rank]++
    this.#look(nowMs, waited)
    return 0
  }

  /** When to ask again after an empty answer: the more wait, the later, so that asking costs the origin the same. */
  get retryMs(): number {
    const spreadMs = (this.#waiting.size * 1000) / ORIGIN_ASKS_PER_SECOND
    return Math.round(Math.min(ORIGIN_TURN_RETRY_MAX_MS, Math.max(ORIGIN_TURN_RETRY_MS, spreadMs)))
  }

  assigned(asker: unknown, count: number, nowMs: number): void {
    if (count === 0) return
    const out = this.#out.get(asker)
    this.#out.delete(asker)
    this.#out.set(asker, { runs: (out?.runs ?? 0) + count, atMs: nowMs })
    this.#runsOut += count
    if (this.#windowMs === undefined) this.#windowMs = nowMs
  }

  /** The peer has begun to take what was assigned to it, or goes on. */
  taken(asker: unknown, nowMs: number): void {
    const out = this.#out.get(asker)
    if (out === undefined) return
    out.atMs = nowMs
    this.#out.delete(asker)
    this.#out.set(asker, out)
  }

  /** The peer tells that it holds a run that was assigned to it. */
  told(asker: unknown, nowMs: number): void {
    const out = this.#out.get(asker)
    if (out === undefined) return
    this.#toldInWindow++
    this.#count(nowMs)
    this.#runsOut--
    this.#out.delete(asker)
    if (out.runs > 1) this.#out.set(asker, { runs: out.runs - 1, atMs: nowMs })
  }

  leave(asker: unknown): void {
    this.#leaveQueue(asker)
    this.#forget(asker)
  }

  /** Places that are kept for those who wait and come before this rank. */
  #before(rank: Rank): number {
    return this.#waitingOf.slice(0, rank).reduce((sum, count) => sum + count, 0)
  }

  /** What a peer does not want in time is nobody's turn any more, and who does not ask again does not wait. */
  #expire(nowMs: number): void {
    for (const [asker, { atMs }] of this.#out) {
      if (nowMs - atMs < ORIGIN_TURN_MS) break
      this.#forget(asker)
    }
    for (const [asker, { atMs }] of this.#waiting) {
      if (nowMs - atMs < 2 * ORIGIN_TURN_RETRY_MAX_MS) break
      this.#leaveQueue(asker)
    }
    this.#count(nowMs)
  }

  /** Somebody waits: for how much of the time since the last look, if somebody waited all that time, was the uplink idle? */
  #look(nowMs: number, waited: boolean): void {
    const sinceMs = Math.max(this.#lookedMs, this.#windowMs ?? nowMs)
    const idleMs = this.#components.idleMs(nowMs) - ORIGIN_IDLE_MS
    if (waited) this.#idleInWindowMs += Math.max(0, Math.min(idleMs, nowMs - sinceMs))
    this.#lookedMs = nowMs
  }

  /** Measures runs told a second, while there were some out, and looks how idle the uplink was. */
  #count(nowMs: number): void {
    if (this.#windowMs === undefined || nowMs - this.#windowMs < 1000) return
    const rate = (this.#toldInWindow * 1000) / (nowMs - this.#windowMs)
    this.#rate = Math.max(rate, this.#rate * 0.9)
    const idleShare = this.#idleInWindowMs / (nowMs - this.#windowMs)
    const by = idleShare > 0.5 ? 1 + idleShare : 0.9
    this.#outMs = Math.min(ORIGIN_OUT_MS_MAX, Math.max(ORIGIN_OUT_MS, this.#outMs * by))
    this.#toldInWindow = 0
    this.#idleInWindowMs = 0
    this.#windowMs = this.#runsOut > 0 ? nowMs : undefined
  }

  #forget(asker: unknown): void {
    this.#runsOut -= this.#out.get(asker)?.runs ?? 0
    this.#out.delete(asker)
  }

  #leaveQueue(asker: unknown): void {
    const waiting = this.#waiting.get(asker)
    if (waiting === undefined) return
    this.#waiting.delete(asker)
    this.#waitingOf[waiting.rank]--
  }
}
