import type { Landing } from '../core/carrier.ts'

const KiB = 1024
/** Longest plaintext of one TLS record (RFC 8446, 5.1): what Node.js delivers at once. */
const RECORD_BYTES = 16 * KiB
/** Memory for what nobody waits for by name: heads of messages, and control. */
const SCRATCH_BYTES = 64 * KiB

/**
 * What a TLS socket receives. Of a socket that we have dialled, in memory that we choose (`onread` of `node:net`): bytes go where the receiver
 * wants them, or into pieces of a shared buffer. As events, each record is a buffer of its own for the collector: half of the
 * receiver's CPU. Node.js offers only these for a socket that was accepted.
 */
export class TlsIntake {
  landing: Landing | undefined
  /** Called when something has arrived. */
  arrived = () => {}
  readonly #pauseBytes: number
  #pieces: Uint8Array[] = []
  #bytes = 0
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #used = 0
  #isLanding = false
  #isPaused = false

  constructor(init: { pauseBytes: number }) {
    this.#pauseBytes = init.pauseBytes
  }

  /** For the options of a socket. */
  readonly onread = {
    buffer: (): Uint8Array => this.#room(),
    callback: (bytes: number): boolean => this.#onBytes(bytes),
  }

  /** Takes a piece that came as an event. False: the socket is to pause. */
  feed(piece: Uint8Array): boolean {
    let rest = piece
    while (rest.length > 0 && this.#pieces.length === 0) {
      const room = this.landing?.room()
      if (room === undefined) break
      const part = rest.subarray(0, room.length)
      room.set(part)
      this.landing?.landed(part.length)
      rest = rest.subarray(part.length)
    }
    if (rest.length > 0) this.#keep(rest)
    return this.#goesOn()
  }

  /** Whether the socket was told to wait; asking says that it goes on. */
  resumes(): boolean {
    const paused = this.#isPaused
    this.#isPaused = false
    return paused
  }

  /** The next piece; an empty one when bytes have landed, undefined when there is nothing. */
  next(): Uint8Array | undefined {
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      this.#bytes -= piece.length
      return piece
    }
    return (this.landing?.waitingBytes ?? 0) > 0 ? EMPTY : undefined
  }

  /** Forgets what has arrived. */
  clear(): void {
    this.#pieces = []
    this.#bytes = 0
    this.landing = undefined
  }

  #room(): Uint8Array {
    // what has arrived before comes first
    const room = this.#pieces.length === 0 ? this.landing?.room() : undefined
    this.#isLanding = room !== undefined
    if (room !== undefined) return room
    if (this.#scratch.length - this.#used < RECORD_BYTES) {
      this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
      this.#used = 0
    }
    return this.#scratch.subarray(this.#used)
  }

  #onBytes(bytes: number): boolean {
    if (this.#isLanding) this.landing?.landed(bytes)
    else {
      this.#keep(this.#scratch.subarray(this.#used, this.#used + bytes))
      this.#used += bytes
    }
    return this.#goesOn()
  }

  #goesOn(): boolean {
    const waiting = this.#bytes + (this.landing?.waitingBytes ?? 0)
    if (waiting > 0) this.arrived()
    this.#isPaused = waiting > this.#pauseBytes
    return !this.#isPaused
  }

  #keep(piece: Uint8Array): void {
    if (this.#pieces.length === 0 && this.landing?.take(piece) === true) return
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }
}

const EMPTY = new Uint8Array(0)
