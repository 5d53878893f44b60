import type { FetchPeer } from './fetch-peer.ts'
import type { Want } from './want.ts'

/** Wants that there is room for at first: parts that fit into what a session may have under way. */
const ROOM_FIRST = 32

/** The wants under way in one session, with the bytes that they take: at the peer until answered, in memory until stored. */
export class WantList {
  /** A few dozen at most, the oldest first. */
  readonly #wants: Want[] = []
  /** For each want, at the same place, what `lateOf` says of it while it is under way; infinite once it is answered. */
  #lateMs = new Float64Array(ROOM_FIRST)
  readonly #lateOf: (want: Want) => number
  #bytes = 0
  #meanMs = 0

  /** `lateOf`: when a want may be copied by its own times alone; infinite where it may not. */
  constructor(lateOf: (want: Want) => number) {
    this.#lateOf = lateOf
  }

  /** The earliest of what `lateOf` says of the wants under way. */
  get firstLateMs(): number {
    let firstMs = Number.POSITIVE_INFINITY
    for (let at = 0; at < this.#wants.length; at++) {
      const lateMs = this.#lateMs[at] ?? 0
      if (lateMs < firstMs) firstMs = lateMs
    }
    return firstMs
  }

  /** The want that is under way for longest and no copy. */
  get oldest(): Want | undefined {
    return this.#wants.find((want) => !want.answered && !want.copy)
  }

  get all(): readonly Want[] {
    return this.#wants
  }

  get size(): number {
    return this.#wants.length
  }

  /** Uncompressed bytes wanted and not stored. */
  get bytes(): number {
    return this.#bytes
  }

  /** Moving average of the time from a want to its answer. */
  get meanMs(): number {
    return this.#meanMs
  }

  add(want: Want): void {
    const at = this.#wants.push(want) - 1
    if (at === this.#lateMs.length) this.#grow()
    this.#lateMs[at] = this.#lateOf(want)
    this.#bytes += want.bytes
    want.peer.flightBytes += want.bytes
  }

  has(want: Want): boolean {
    return this.#wants.includes(want)
  }

  resize(want: Want, bytes: number): void {
    if (!this.has(want) || want.answered) return
    this.#bytes += bytes - want.bytes
    want.peer.flightBytes += bytes - want.bytes
    want.bytes = bytes
  }

  /** The answer is here: it takes room in memory only. */
  answered(want: Want, nowMs: number): void {
    want.answered = true
    this.#lateMs[this.#wants.indexOf(want)] = Number.POSITIVE_INFINITY
    want.peer.flightBytes -= want.bytes
    this.#meanMs += (nowMs - want.sentMs - this.#meanMs) / 8
  }

  delete(want: Want): void {
    const at = this.#wants.indexOf(want)
    if (at < 0) return
    this.#wants.splice(at, 1)
    this.#lateMs.copyWithin(at, at + 1, this.#wants.length + 1)
    this.#bytes -= want.bytes
    if (!want.answered) want.peer.flightBytes -= want.bytes
  }

  /** Wants of a peer that has left. */
  of(peer: FetchPeer): Want[] {
    return this.#wants.filter((want) => want.peer === peer)
  }

  /** Others for parts of the same run that are not answered. */
  rivals(want: Want): Want[] {
    const rivals: Want[] = []
    for (const other of this.#wants) {
      if (other !== want && other.run === want.run && !other.answered && (other.parts & want.parts) !== 0) {
        rivals.push(other)
      }
    }
    return rivals
  }

  /** Whether no other want, answered or not, brings any of its parts. */
  isAlone(want: Want): boolean {
    for (const other of this.#wants) {
      if (other !== want && other.run === want.run && (other.parts & want.parts) !== 0) return false
    }
    return true
  }

  /** Parts of a run whose answers have arrived and are being stored. */
  storing(run: number): number {
    let parts = 0
    for (const want of this.#wants) if (want.run === run && want.answered) parts |= want.parts
    return parts
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#lateMs.length)
    larger.set(this.#lateMs)
    this.#lateMs = larger
  }
}
