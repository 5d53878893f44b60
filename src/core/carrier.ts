import type { CallOptions } from './blockstore.ts'
import type { PeerAddress, PeerKey } from './router.ts'

/** Protocol ID of the exchange, negotiated when a channel is opened. */
export const EXCHANGE_PROTOCOL = '/bootswarm/exchange/1'

/** Where a receiver wants bytes that it knows will come, so that they need not be copied. Called while they arrive. */
export interface Landing {
  /** Takes the next bytes at once. False: not now; `receive` yields them instead. */
  take(piece: Uint8Array): boolean
  /** Memory for the very next bytes; undefined where the receiver does not know what comes. */
  room(): Uint8Array | undefined
  /** So many bytes are now at the start of what `room` gave. */
  landed(bytes: number): void
  /** Bytes that were taken and not yet looked at. */
  readonly waitingBytes: number
}

/**
 * An ordered, reliable, encrypted byte stream between two peers, whose keys both ends have proved.
 * The exchange does not know what carries it.
 */
export interface Channel {
  /** Proved by the handshake, not claimed. */
  readonly peer: PeerKey
  /** True when the other side opened it. */
  readonly inbound: boolean
  /** Queues bytes; the caller must not change them afterwards. False: too much is queued, await `drained`. */
  send(bytes: Uint8Array): boolean
  /** Resolves when `send` may go on. Rejects when the channel is gone. */
  drained(): Promise<void>
  /**
   * Pieces in order as they arrive, of any size. Ends when the other side has closed. Throws UnreachableError when the channel breaks.
   * With `landing` some bytes may go there instead; an empty piece then says that there is something to look at. A carrier may ignore it.
   */
  receive(landing?: Landing): AsyncIterable<Uint8Array>
  /** Sends what is queued, then closes. Never throws. */
  close(): Promise<void>
  /** Drops everything at once. */
  abort(reason: Error): void
}

/** Opens and accepts channels. */
export interface Carrier {
  readonly self: PeerKey
  /** Multiaddrs that others may dial, without the trailing /p2p part. */
  addresses(): string[]
  /** Errors: UnreachableError, TimeoutError, AbortedError. */
  open(address: PeerAddress, options?: CallOptions): Promise<Channel>
  /** Called for each channel that another peer opens; one handler at a time. */
  accept(handler: (channel: Channel) => void): void
}
