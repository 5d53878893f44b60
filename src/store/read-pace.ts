import type { Clock } from '../core/clock.ts'

/** What a read out of the memory of the system takes at most, beside its copy: the quickest disks take twice as long. */
const QUICK_MS = 0.06
/** Bytes that are copied in a millisecond, at least. */
const COPIED_BYTES_PER_MS = 4_000_000
/** A read that takes so long counts as SLOW_MAX: a disk that turns, or one that is busy. */
const LONG_MS = 5
/** Slow reads beyond quick ones after which the disk counts as slow. */
const SLOW_MAX = 3
/** Quick reads that make up for a slow one: a thread that had to wait for its turn is no slow disk. */
const QUICK_PER_SLOW = 8
const PAUSE_FIRST_MS = 20
/** As far as the pause doubles. */
const PAUSE_MAX_MS = 10_000
/** The pause is so many times what slow reads have cost, at least, however many quick ones come between. */
const PAUSE_TIMES = 100
/** ... up to this: that of six seconds. A process that was stopped in the middle of a read goes on in the end. */
const PAUSE_LONGEST_MS = 600_000

/**
 * Whether files are read so quickly that the main thread may do it itself: what the system has in memory is there in the time that it takes to ask another thread for it. After some that were
 * slow it is left to other threads for a hundred times what they took, and twice as long as before while the disk is still slow: reads of LONG_MS and more hold up the node for
 * a hundredth of the time at most, whatever is quick between them, and for less when nothing is. Shorter ones are forgiven one by one: none of them holds up anything for long.
 */
export class ReadPace {
  readonly #clock: Clock
  #slow = 0
  #pauseMs = 0
  /** What slow reads have cost since the last pause. */
  #lostMs = 0
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  #startedMs = 0

  constructor(components: { clock: Clock }) {
    this.#clock = components.clock
  }

  /** A read begins, unless this is false. */
  begin(): boolean {
    this.#startedMs = this.#clock.monotonic()
    return this.#startedMs >= this.#pausedUntilMs
  }

  /** ... and is over, of `bytes`. */
  end(bytes: number): void {
    const nowMs = this.#clock.monotonic()
    const ms = nowMs - this.#startedMs
    if (ms <= QUICK_MS + bytes / COPIED_BYTES_PER_MS) {
      this.#slow = Math.max(0, this.#slow - 1 / QUICK_PER_SLOW)
      if (this.#slow === 0) this.#forget()
      return
    }
    this.#lostMs += ms
    this.#slow += ms >= LONG_MS ? SLOW_MAX : 1
    if (this.#slow < SLOW_MAX) return
    const doubledMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_FIRST_MS, 2 * this.#pauseMs))
    this.#pauseMs = Math.max(doubledMs, Math.min(PAUSE_LONGEST_MS, PAUSE_TIMES * this.#lostMs))
    this.#pausedUntilMs = nowMs + this.#pauseMs
    this.#lostMs = 0
    this.#slow = SLOW_MAX - 1
  }

  #forget(): void {
    this.#pauseMs = 0
    this.#lostMs = 0
  }
}
