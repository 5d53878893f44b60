import type { Clock } from '../../../src/core/clock.ts'
import {
  NBD_SERVER_BYTES_MAX,
  NBD_SERVER_SPARE_BYTES,
  NBD_SERVER_STALLED_BYTES,
  NBD_SILENT_MS,
} from '../../../src/core/disk-limits.ts'

/** A connection, as the budget sees it. */
export interface Holder {
  /** Of what all share, what it has taken. */
  readonly sharedBytes: number
  /** Since when it takes nothing of the answers that wait for it, by a clock that never goes back; undefined while none does. */
  readonly silentSinceMs: number | undefined
  /** Since when the oldest of its requests that are begun has no answer; undefined when all have. */
  readonly unansweredSinceMs: number | undefined
  /** There may be room again. */
  onRoom(): void
  /** Others wait for what it holds and does not take: it ends, and has given everything back when this returns. */
  giveWay(): void
}

/**
 * What all connections of a server may have under way together, beyond what each has for itself. Who comes first is served first; but while others wait nobody has
 * more than half, and who takes nothing of its answers for NBD_SILENT_MS gets nothing more and gives way, the longest silent first. Some room is kept for those who hold nothing.
 *
 * Reads may wait for a swarm without end, and hold what is shared meanwhile: after NBD_SILENT_MS nobody who waits so gets more than half, and what they have of the room that is kept counts for others
 * no more, up to NBD_SERVER_STALLED_BYTES beyond it. So a disk that cannot be read does not hold up those that can.
 */
export class Budget {
  readonly #clock: Clock
  readonly #bytesMax: number
  readonly #spareMax: number
  #bytes = 0
  #spare = 0
  /** What each waits for, in the order in which they came. */
  readonly #waiting = new Map<Holder, number>()
  /** What each has; the part that is of the spare room apart. */
  readonly #holders = new Map<Holder, { spare: number }>()
  #isWaking = false
  #isToWake = false
  #cancelLook: (() => void) | undefined

  constructor(components: { clock: Clock }, init: { bytesMax?: number; spareBytes?: number } = {}) {
    this.#clock = components.clock
    const { bytesMax = NBD_SERVER_BYTES_MAX, spareBytes = NBD_SERVER_SPARE_BYTES } = init
    this.#bytesMax = bytesMax - spareBytes
    this.#spareMax = spareBytes
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes + this.#spare
  }

  /** Connections that wait for some. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** False: there is not enough, or it is not its turn; it is called when it may be. */
  take(bytes: number, who: Holder): boolean {
    if (this.#isSilent(who)) {
      // what waits for it already is enough: it asks again when it has taken some
      this.leave(who)
      return false
    }
    this.#waiting.set(who, bytes)
    if (this.#isTurnOf(who) && this.#bytes + bytes <= this.#bytesMax) this.#hold(who, { bytes, spare: 0 })
    else if (this.#isSpareFor(who, bytes)) this.#hold(who, { bytes: 0, spare: bytes })
    else {
      this.#lookLater()
      return false
    }
    this.#waiting.delete(who)
    return true
  }

  give(bytes: number, who: Holder): void {
    const held = this.#holders.get(who)
    const spare = Math.min(bytes, held?.spare ?? 0)
    if (held !== undefined) held.spare -= spare
    this.#spare -= spare
    this.#bytes -= bytes - spare
    if (who.sharedBytes === 0) this.#holders.delete(who)
    this.#wake()
  }

  /** It waits no more: whoever came behind it is not held up. */
  leave(who: Holder): void {
    if (this.#waiting.delete(who)) this.#wake()
  }

  /** Of those that wait. */
  #isTurnOf(who: Holder): boolean {
    for (const [each, wanted] of this.#waiting) if (!this.#isGreedy(each, wanted)) return each === who
    return false
  }

  /** It has some, and would have more than half while others wait, or while it waits for its answers. Who has nothing may have the longest request. */
  #isGreedy(who: Holder, bytes: number): boolean {
    const { sharedBytes } = who
    if (sharedBytes === 0 || sharedBytes + bytes <= this.#bytesMax / 2) return false
    return this.#waiting.size > 1 || this.#isStalled(who)
  }

  #isSpareFor(who: Holder, bytes: number): boolean {
    return who.sharedBytes === 0 && bytes <= this.#spareLeft()
  }

  /** Of the room that is kept, beside what those have of it whose answers do not come. */
  #spareLeft(): number {
    let stalled = 0
    for (const [who, { spare }] of this.#holders) if (spare > 0 && this.#isStalled(who)) stalled += spare
    return this.#spareMax - this.#spare + Math.min(stalled, NBD_SERVER_STALLED_BYTES)
  }

  #hold(who: Holder, { bytes, spare }: { bytes: number; spare: number }): void {
    this.#bytes += bytes
    this.#spare += spare
    this.#holders.set(who, { spare: spare + (this.#holders.get(who)?.spare ?? 0) })
  }

  #isSilent({ silentSinceMs }: Holder): boolean {
    return silentSinceMs !== undefined && this.#clock.monotonic() - silentSinceMs >= NBD_SILENT_MS
  }

  #isStalled({ unansweredSinceMs }: Holder): boolean {
    return unansweredSinceMs !== undefined && this.#clock.monotonic() - unansweredSinceMs >= NBD_SILENT_MS
  }

  #wake(): void {
    this.#isToWake = true
    // whoever is called may give, or leave
    if (this.#isWaking) return
    this.#isWaking = true
    while (this.#isToWake) {
      this.#isToWake = false
      this.#callWaiting()
    }
    this.#isWaking = false
  }

  #callWaiting(): void {
    for (const [who, bytes] of [...this.#waiting]) {
      if (!this.#waiting.has(who)) continue
      who.onRoom()
      // whoever still finds no room goes first the next time
      if (this.#waiting.has(who) && !this.#isGreedy(who, bytes)) return this.#callSpare()
    }
  }

  /** Nobody's turn: those who hold nothing, as far as the room goes that is kept for them. */
  #callSpare(): void {
    let left = this.#spareLeft()
    for (const [who, bytes] of [...this.#waiting]) {
      if (who.sharedBytes > 0 || bytes > left || !this.#waiting.has(who)) continue
      who.onRoom()
      left = this.#spareLeft()
    }
  }

  /** While somebody waits: those whose time is up now, and the others when it may be. */
  #lookLater(): void {
    if (this.#cancelLook !== undefined) return
    const since = [...this.#holders.keys(), ...this.#waiting.keys()].flatMap(
      (each) => each.silentSinceMs ?? [],
    )
    const nowMs = this.#clock.monotonic()
    const firstMs = Math.min(nowMs, ...since)
    this.#cancelLook = this.#clock.after(Math.max(0, firstMs + NBD_SILENT_MS - nowMs), () => {
      this.#cancelLook = undefined
      this.#look()
    })
  }

  #look(): void {
    for (const who of [...this.#waiting.keys()]) if (this.#isSilent(who)) this.leave(who)
    const silent = [...this.#holders.keys()].filter((who) => this.#isSilent(who))
    silent.sort((a, b) => (a.silentSinceMs ?? 0) - (b.silentSinceMs ?? 0))
    for (const who of silent) {
      if (this.#waiting.size === 0) return
      who.giveWay()
    }
    // by now answers of others may have been missing for long enough
    this.#wake()
    if (this.#waiting.size > 0) this.#lookLater()
  }
}
