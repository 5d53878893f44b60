import { RUN_BYTES_MAX } from '../core/limits.ts'
import type { SessionPeer } from './session-peer.ts'

/**
 * The room that one want takes: at the peer until its answer has arrived, in the session until that is stored. So the
 * network goes on while the disk works, and memory stays bounded.
 */
export class Room {
  readonly #peer: SessionPeer
  readonly #session: { bytes: number }
  #atPeer = 0
  #inSession = 0

  /** Takes room for a whole run until its size is known. */
  constructor(peer: SessionPeer, session: { bytes: number }) {
    this.#peer = peer
    this.#session = session
    this.resize(RUN_BYTES_MAX)
  }

  resize(bytes: number): void {
    this.#setAtPeer(bytes)
    this.#setInSession(bytes)
  }

  /** The answer has arrived. */
  landed(): void {
    this.#setAtPeer(0)
  }

  free(): void {
    this.resize(0)
  }

  #setAtPeer(bytes: number): void {
    this.#peer.flightBytes += bytes - this.#atPeer
    this.#atPeer = bytes
  }

  #setInSession(bytes: number): void {
    this.#session.bytes += bytes - this.#inSession
    this.#inSession = bytes
  }
}
