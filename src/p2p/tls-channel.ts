import type { TLSSocket } from 'node:tls'
import type { Channel, Landing } from '../core/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, LimitError, StateError, UnreachableError } from '../core/errors.ts'
import type { PeerKey } from '../core/router.ts'
import type { HostLimits } from './host-limits.ts'
import type { TlsIntake } from './tls-intake.ts'

/** A piece of so many bytes leaves in a write of its own: Node.js copies pieces that it writes together into new memory, which costs more than a write. */
const ALONE_BYTES = 128 * 1024

interface TlsChannelComponents {
  /** After its handshake; one that was dialled was made with the `onread` of the intake. */
  socket: TLSSocket
  intake: TlsIntake
  clock: Clock
}

/** A channel over a TLS socket. `send` on a channel that is gone answers false, `drained` then rejects. */
export class TlsChannel implements Channel {
  readonly inbound: boolean
  /** Called once, when the channel is gone. */
  onClosed = () => {}
  readonly socket: TLSSocket
  readonly #intake: TlsIntake
  readonly #clock: Clock
  readonly #limits: HostLimits
  #peer: PeerKey | undefined
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  /** Whether the socket has a write under way; what comes meanwhile waits here, where it is not copied. */
  #isWriting = false
  #ended = false
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  #wakeReader: (() => void) | undefined
  #drainWaiters: PromiseWithResolvers<void>[] = []

  constructor(components: TlsChannelComponents, init: { inbound: boolean; limits: HostLimits }) {
    const { socket, intake, clock } = components
    this.socket = socket
    this.#intake = intake
    this.#clock = clock
    this.#limits = init.limits
    this.inbound = init.inbound
    intake.arrived = () => this.#wake()
    // before Node.js ends our direction too, which it does when the other side has ended
    socket.prependListener('end', () => this.#onEnd())
    socket.on('error', (error) => this.#fail(this.#broken(error)))
    socket.once('close', () => this.#onClose())
    socket.setKeepAlive(true, init.limits.pingIntervalMs)
    socket.setTimeout(init.limits.socketIdleTimeoutMs, () => this.#onIdle())
    if (this.inbound) socket.on('data', (piece: Buffer) => void (intake.feed(piece) || socket.pause()))
    if (socket.destroyed) this.#fail(this.#broken(undefined))
  }

  /** Throws StateError before the other side has proved who it is. */
  get peer(): PeerKey {
    if (this.#peer === undefined) throw new StateError('nobody knows yet who is at the other end')
    return this.#peer
  }

  get isProved(): boolean {
    return this.#peer !== undefined
  }

  /** The other side has proved to be this peer. */
  proved(peer: PeerKey): void {
    this.#peer = peer
  }

  send(bytes: Uint8Array): boolean {
    if (this.#failure !== undefined || !this.socket.writable) return false
    if (this.#queuedBytes() + bytes.byteLength > this.#limits.sendQueueBytesMax) {
      this.abort(new LimitError('too much is queued for a slow peer', { data: this.#data() }))
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
    if (!this.socket.writable) return Promise.reject(this.#closed())
    if (this.#hasRoom()) return Promise.resolve()
    const waiter = Promise.withResolvers<void>()
    this.#drainWaiters.push(waiter)
    return waiter.promise
  }

  async *receive(landing?: Landing): AsyncGenerator<Uint8Array, void, undefined> {
    this.#intake.landing = landing
    for (;;) {
      const piece = this.#failure === undefined ? this.#intake.next() : undefined
      if (piece !== undefined) {
        yield piece
        continue
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return
      if (this.#intake.resumes()) this.socket.resume()
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
    this.#intake.clear()
    this.#fail(reason instanceof BootswarmError ? reason : this.#broken(reason))
  }

  async #close(): Promise<void> {
    if (this.#failure !== undefined) return
    this.#flushAll()
    const { promise, resolve } = Promise.withResolvers<void>()
    const late = this.#clock.after(this.#limits.flushTimeoutMs, () => this.abort(this.#broken(undefined)))
    this.socket.once('close', resolve)
    this.socket.end(resolve)
    await promise
    late()
    if (this.socket.destroyed) return
    const linger = this.#clock.after(this.#limits.lingerTimeoutMs, () => this.socket.destroy())
    this.socket.once('close', linger)
    if (this.#ended) this.socket.destroy()
  }

  /**
   * Writes what was sent, one write after the other. One for what was sent piece by piece: each would be a record, a system call and a
   * packet of its own.
   */
  #flush(): void {
    if (this.#failure !== undefined || !this.socket.writable) this.#pending = []
    if (this.#pending.length === 0) this.#pendingBytes = 0
    else if (!this.#isWriting) this.#write(this.#nextWrite())
  }

  /** Leaves it all to the socket, which is about to end. */
  #flushAll(): void {
    if (this.#pending.length > 0 && this.socket.writable) this.#write(this.#pending.splice(0))
  }

  #nextWrite(): Uint8Array[] {
    const large = this.#pending.findIndex((piece) => piece.byteLength >= ALONE_BYTES)
    if (large < 0) return this.#pending.splice(0)
    return this.#pending.splice(0, Math.max(1, large))
  }

  #write(pieces: readonly Uint8Array[]): void {
    this.#isWriting = true
    this.socket.cork()
    const last = pieces.length - 1
    for (const [i, piece] of pieces.entries()) {
      this.#pendingBytes -= piece.byteLength
      if (i === last) this.socket.write(piece, () => this.#onWritten())
      else this.socket.write(piece)
    }
    this.socket.uncork()
  }

  #queuedBytes(): number {
    return this.socket.writableLength + this.#pendingBytes
  }

  #hasRoom(): boolean {
    return this.#queuedBytes() < this.#limits.sendPauseBytes
  }

  #onWritten(): void {
    this.#isWriting = false
    this.#flush()
    if (!this.#hasRoom()) return
    for (const waiter of this.#drainWaiters.splice(0)) waiter.resolve()
  }

  #onEnd(): void {
    this.#flushAll()
    this.#ended = true
    this.#wake()
  }

  #onClose(): void {
    this.#intake.arrived = () => {}
    if (this.#ended || this.#closing !== undefined) {
      this.#ended = true
      this.#failDrainWaiters(this.#closed())
      this.#wake()
    } else this.#fail(this.#broken(undefined))
    this.onClosed()
  }

  /** A channel may rest, and keep-alive finds out when the other host is gone; what is queued must move. */
  #onIdle(): void {
    if (this.#queuedBytes() > 0) this.abort(this.#broken(undefined))
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    this.socket.destroy()
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

  #data(): { peer?: PeerKey } {
    return this.#peer === undefined ? {} : { peer: this.#peer }
  }

  #closed(): UnreachableError {
    return new UnreachableError('the channel is closed', { data: this.#data() })
  }

  #broken(cause: unknown): UnreachableError {
    const whom = this.#peer === undefined ? 'a stranger' : `peer ${this.#peer}`
    return new UnreachableError(`the channel to ${whom} broke`, { cause, data: this.#data() })
  }
}
