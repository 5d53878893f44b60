/** What was asked for; `other` is what we do not know. */
export type NbdCommandName =
  | 'read'
  | 'write'
  | 'disconnect'
  | 'flush'
  | 'trim'
  | 'cache'
  | 'write_zeroes'
  | 'block_status'
  | 'other'

/** A request that was answered. */
export interface NbdAnswer {
  readonly command: NbdCommandName
  /** That it asked for, or spoke of. */
  readonly bytes: number
  /** From its arrival until the answer was queued for sending. */
  readonly seconds: number
  /** 0, or the error of the NBD protocol. */
  readonly error: number
}

/** Why a connection was not served. */
export type NbdRefusal = 'crowded' | 'stopping' | 'certificate' | 'tls' | 'handshake' | 'protocol' | 'unread'

/** Is told what a server does, for metrics. Calls are frequent and must be cheap. */
export interface NbdObserver {
  connected(): void
  disconnected(): void
  refused(reason: NbdRefusal): void
  answered(answer: NbdAnswer): void
  /** Requests of a connection had to wait so long, because too much was under way. */
  stalled(seconds: number): void
}

export const silentObserver: NbdObserver = {
  connected() {},
  disconnected() {},
  refused() {},
  answered() {},
  stalled() {},
}
