import type { FetchPeer } from './fetch-peer.ts'
import type { Want } from './want.ts'

/** The wants under way in one session, with the bytes that they take: at the peer until answered, in memory until stored. */
export class WantList {
  /** A few dozen at most, the oldest first. */
  readonly #wants: Want[] = []
  #bytes = 0
  #meanMs = 0

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
    this.#wants.push(want)
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
    want.peer.flightBytes -= want.bytes
    this.#meanMs += (nowMs - want.sentMs - this.#meanMs) / 8
  }

  delete(want: Want): void {
    const at = this.#wants.indexOf(want)
    if (at < 0) return
    this.#wants.splice(at, 1)
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
}
