import type { CallOptions } from './blockstore.ts'
import type { PeerAddress, PeerKey } from './router.ts'

/** Protocol ID of the exchange, negotiated when a channel is opened. */
export const EXCHANGE_PROTOCOL = '/bootswarm/exchange/1'

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
  /** Pieces in order as they arrive, of any size. Ends when the other side has closed. Throws UnreachableError when the channel breaks. */
  receive(): AsyncIterable<Uint8Array>
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
