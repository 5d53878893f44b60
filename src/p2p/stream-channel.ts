import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Channel } from '../core/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, LimitError, UnreachableError } from '../core/errors.ts'
import type { PeerKey } from '../core/router.ts'
import type { HostLimits } from './host-limits.ts'

interface StreamChannelInit {
  peer: PeerKey
  inbound: boolean
  limits: HostLimits
}

/**
 * A channel over a libp2p stream. `send` on a channel that is gone answers false, `drained` then rejects.
 *
 * It listens to the stream's events and uses neither the stream's own iterator nor `onDrain()`: the former queues
 * without bound whatever the reader's speed, the latter resolves at once from its second use on.
 */
export class StreamChannel implements Channel {
  readonly peer: PeerKey
  readonly inbound: boolean
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #limits: HostLimits
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #received: Uint8Array[] = []
  #receivedBytes = 0
  #remoteClosed = false
  #ended = false
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  #wakeReader: (() => void) | undefined
  #drainWaiters: PromiseWithResolvers<void>[] = []

  constructor(components: { stream: Stream; clock: Clock }, init: StreamChannelInit) {
    this.#stream = components.stream
    this.#clock = components.clock
    this.#limits = init.limits
    this.peer = init.peer
    this.inbound = init.inbound
    const stream = components.stream
    stream.addEventListener('message', (event) => this.#onMessage(event))
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteClosed = true
    })
    stream.addEventListener('end', () => this.#onEnd())
    stream.addEventListener('close', (event) => this.#onClose(event))
    stream.addEventListener('drain', () => queueMicrotask(() => this.#onDrain()))
    this.#catchUp()
  }

  send(bytes: Uint8Array): boolean {
    if (this.#failure !== undefined || this.#stream.writeStatus !== 'writable') return false
    if (this.#queuedBytes() + bytes.byteLength > this.#limits.sendQueueBytesMax) {
      this.abort(new LimitError('too much is queued for a slow peer', { data: { peer: this.peer } }))
      return false
    }
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush())
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.byteLength
    if (this.#pendingBytes >= this.#limits.coalesceBytes) this.#flush()
    return this.#hasRoom()
  }

  drained(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#stream.writeStatus !== 'writable') {
      return Promise.reject(new UnreachableError('the channel is closed', { data: { peer: this.peer } }))
    }
    if (this.#hasRoom()) return Promise.resolve()
    const waiter = Promise.withResolvers<void>()
    this.#drainWaiters.push(waiter)
    return waiter.promise
  }

  async *receive(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const pieces = this.#take()
      for (const piece of pieces) yield piece
      if (pieces.length > 0) continue
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  abort(reason: Error): void {
    if (this.#failure !== undefined) return
    this.#received = []
    this.#receivedBytes = 0
    const failure = reason instanceof BootswarmError ? reason : this.#broken(reason)
    this.#fail(failure)
    this.#stream.abort(failure)
  }

  async #close(): Promise<void> {
    if (this.#failure !== undefined) return
    this.#flush()
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(this.#limits.flushTimeoutMs) })
    } catch (cause) {
      this.abort(this.#broken(cause))
      return
    }
    if (!this.#ended) this.#clock.after(this.#limits.lingerTimeoutMs, () => this.#endLinger())
  }

  /** The other side may have acted between the agreement on the protocol and the listeners above. */
  #catchUp(): void {
    if (this.#stream.status !== 'open') this.#fail(this.#broken(undefined))
    this.#remoteClosed = this.#stream.remoteWriteStatus === 'closed'
    this.#ended = this.#remoteClosed && this.#stream.readableEnded
  }

  #endLinger(): void {
    if (!this.#ended) this.abort(this.#broken(undefined))
  }

  /** One frame for what was sent piece by piece: with 16 KiB pieces it saves the receiver a tenth of its CPU. */
  #flush(): void {
    if (this.#pending.length === 0) return
    const bytes = new Uint8ArrayList(...this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    if (this.#failure !== undefined) return
    try {
      this.#stream.send(bytes)
    } catch (error) {
      // closed meanwhile; the close event says the rest
      if (!isStreamState(error)) this.abort(this.#broken(error))
    }
  }

  #queuedBytes(): number {
    return this.#stream.writeBufferLength + this.#pendingBytes
  }

  #hasRoom(): boolean {
    return this.#queuedBytes() < this.#limits.sendPauseBytes
  }

  #take(): Uint8Array[] {
    const pieces = this.#received
    this.#received = []
    this.#receivedBytes = 0
    if (this.#stream.readStatus === 'paused') this.#resume()
    return pieces
  }

  #resume(): void {
    try {
      this.#stream.resume()
    } catch (error) {
      // the window update that resuming sends finds its connection gone; the close event says the rest
      if (!isStreamState(error)) throw error
    }
  }

  #onMessage(event: StreamMessageEvent): void {
    if (this.#failure !== undefined) return
    if (event.data instanceof Uint8Array) this.#received.push(event.data)
    else this.#received.push(...event.data)
    this.#receivedBytes += event.data.byteLength
    if (this.#receivedBytes > this.#limits.receivePauseBytes && this.#stream.readStatus === 'readable') {
      this.#stream.pause()
    }
    this.#wake()
  }

  #onEnd(): void {
    if (this.#remoteClosed) this.#ended = true
    this.#wake()
  }

  #onClose(event: StreamCloseEvent): void {
    if (event.error === undefined && this.#remoteClosed) {
      this.#failDrainWaiters(new UnreachableError('the channel is closed', { data: { peer: this.peer } }))
      return
    }
    this.#fail(this.#broken(event.error))
  }

  #onDrain(): void {
    if (!this.#hasRoom()) return
    for (const waiter of this.#drainWaiters.splice(0)) waiter.resolve()
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    this.#failDrainWaiters(this.#failure)
    this.#wake()
  }

  #failDrainWaiters(failure: Error): void {
    for (const waiter of this.#drainWaiters.splice(0)) waiter.reject(failure)
  }

  #wake(): void {
    const wake = this.#wakeReader
    this.#wakeReader = undefined
    wake?.()
  }

  #broken(cause: unknown): UnreachableError {
    return new UnreachableError(`the channel to peer ${this.peer} broke`, {
      cause,
      data: { peer: this.peer },
    })
  }
}

/** Of a stream or of the connection under it: closed meanwhile. */
function isStreamState(error: unknown): boolean {
  return error instanceof Error && error.name === 'StreamStateError'
}
