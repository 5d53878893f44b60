import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../../src/core/clock.ts'
import {
  NBD_HANDSHAKE_TIMEOUT_MS,
  NBD_LINGER_MS,
  NBD_TLS_RECHECK_MS,
  NBD_UNREAD_MS,
} from '../../../src/core/disk-limits.ts'
import { BootswarmError } from '../../../src/core/errors.ts'
import type { Log } from '../../../src/core/log.ts'
import type { BufferPool } from '../../../src/util/buffer-pool.ts'
import { Allowance } from './allowance.ts'
import type { Budget } from './budget.ts'
import { ByteQueue } from './byte-queue.ts'
import { Deadlines } from './deadlines.ts'
import type { NbdExport, NbdExports } from './export.ts'
import { Handshake, type HandshakeRefusal } from './handshake.ts'
import type { NbdObserver, NbdRefusal } from './observer.ts'
import { greeting } from './option-replies.ts'
import type { Session } from './options.ts'
import { Outbox } from './outbox.ts'
import type { TlsGate } from './tls.ts'
import { Transmission } from './transmission.ts'

/** Bytes that wait here before the socket pauses: two thousand requests. */
const QUEUE_PAUSE_BYTES = 64 * 1024

/** What all connections of a server share. */
export interface ConnectionComponents {
  readonly clock: Clock
  readonly log: Log
  readonly observer: NbdObserver
  readonly budget: Budget
  readonly slabs: BufferPool
}

export interface ConnectionInit {
  readonly exports: NbdExports
  /** Undefined: the connection is in the clear. */
  readonly tls: TlsGate | undefined
  readonly refusal: () => HandshakeRefusal | undefined
  readonly closed: () => void
}

/** One client: its socket, from the first byte to the last. */
export class NbdConnection {
  readonly #components: ConnectionComponents
  readonly #init: ConnectionInit
  readonly #allowance: Allowance
  readonly #queue = new ByteQueue()
  readonly #handshake: Handshake
  readonly #gone = new AbortController()
  readonly #deadlines: Deadlines
  readonly #cancelHandshakeDeadline: () => void
  #socket: Socket
  #outbox: Outbox | undefined
  #transmission: Transmission | undefined
  #disk: NbdExport | undefined
  /** Nothing more is read: what is under way is answered, then the connection ends. */
  #isEnding = false
  /** The client has sent all that it will. */
  #hasEnded = false
  #isEncrypting = false
  #isPumping = false
  #isClosed = false
  #isWatched = false
  #isBroken = false

  constructor(components: ConnectionComponents & { socket: Socket }, init: ConnectionInit) {
    this.#components = components
    this.#init = init
    this.#socket = components.socket
    this.#deadlines = new Deadlines(components.clock)
    this.#allowance = new Allowance(components, {
      onRoom: () => this.#pump(),
      silentSinceMs: () => this.#outbox?.waitingSinceMs,
      unansweredSinceMs: () => this.#transmission?.unansweredSinceMs,
      onGiveWay: () => this.#giveWay(),
    })
    this.#handshake = new Handshake({ ...init, tls: init.tls !== undefined })
    setMaxListeners(0, this.#gone.signal)
    const late = () => this.#break('handshake')
    this.#cancelHandshakeDeadline = this.#deadlines.after(NBD_HANDSHAKE_TIMEOUT_MS, late)
    this.#listen(this.#socket)
    this.#socket.write(greeting())
  }

  /** Whether it has shown a certificate that counts, or needs none. */
  get isKnown(): boolean {
    return this.#init.tls === undefined || this.#socket instanceof TLSSocket
  }

  /** Whether its handshake has led to this disk. */
  reads(disk: NbdExport): boolean {
    return this.#disk === disk
  }

  /** Answers what is under way, and ends: the client connects again, and asks again for the rest. */
  hangUp(): void {
    this.#isEnding = true
    this.#pump()
  }

  /** The disk is taken away: what is under way ends, and what comes is refused, until the client goes or a time has passed. */
  shutDown(): void {
    this.#transmission?.shutDown()
    this.#gone.abort()
    this.#linger()
    // what waits for room is refused now
    this.#pump()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      // what comes after the last word is nobody's
      if (this.#isEnding) return
      this.#queue.push(chunk)
      this.#pump()
    })
    socket.on('end', () => {
      this.#hasEnded = true
      this.#linger()
      this.#pump()
    })
    socket.on('drain', () => this.#pump())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  /** Takes what has arrived as far as it goes now. */
  #pump(): void {
    if (this.#isPumping || this.#isClosed || this.#isEncrypting) return
    this.#isPumping = true
    try {
      const isDone = this.#isEnding || (this.#advance() && this.#hasEnded)
      if (isDone) this.#isEnding = true
      if (this.#isEnding) this.#allowance.leave()
      if (this.#isEnding) this.#endWhenIdle()
      this.#control()
    } catch (error) {
      // a defect must not take the other disks with it
      this.#components.log.error({ err: error }, 'a connection to a disk failed')
      this.destroy()
    } finally {
      this.#isPumping = false
    }
  }

  /** Whether nothing is left that could go on later without more from the client. */
  #advance(): boolean {
    if (this.#transmission === undefined && !this.#negotiate()) return false
    if (this.#transmission === undefined) return true
    const end = this.#transmission.serve(this.#queue)
    if (end === 'broken') this.#break('protocol')
    if (end === 'goodbye') this.#lastWord()
    return end !== 'full'
  }

  /** Whether everything that has arrived was read, as far as it goes. */
  #negotiate(): boolean {
    while (this.#transmission === undefined && !this.#isEnding) {
      if (this.#socket.writableNeedDrain) return false
      const step = this.#handshake.step(this.#queue)
      if (step.next === 'more') return true
      if (step.next === 'break') {
        this.#break('protocol')
        return true
      }
      if (step.next === 'starttls') {
        this.#startTls(Buffer.concat(step.replies))
        return false
      }
      if (step.replies.length > 0) this.#socket.write(Buffer.concat(step.replies))
      if (step.next === 'transmission') this.#serveFrom(step.session)
      if (step.next === 'end') this.#lastWord()
    }
    return true
  }

  #serveFrom(session: Session): void {
    this.#cancelHandshakeDeadline()
    this.#disk = session.disk
    const { slabs, clock } = this.#components
    const written = (done: { answers: number; bytes: number }) => {
      this.#allowance.release(done.answers, done.bytes)
      this.#pump()
    }
    this.#outbox = new Outbox(
      { clock, slabs, socket: this.#socket },
      { written, isRemote: this.#init.tls !== undefined },
    )
    const components = { ...this.#components, outbox: this.#outbox, allowance: this.#allowance }
    this.#transmission = new Transmission(components, { session, signal: this.#gone.signal })
  }

  /** The client has said its last word, in either phase. */
  #lastWord(): void {
    this.#isEnding = true
    this.#linger()
  }

  #endWhenIdle(): void {
    if (this.#allowance.requests > 0 || this.#socket.writableEnded) return
    this.#socket.end()
    this.#linger()
  }

  /** Whoever is not done by then is hung up on. */
  #linger(): void {
    if (!this.#isClosed) this.#deadlines.after(NBD_LINGER_MS, () => this.destroy())
  }

  /** Reads no faster than requests are begun, and looks whether answers are taken. */
  #control(): void {
    if (this.#isClosed || this.#isEncrypting) return
    const isFull = this.#queue.length > QUEUE_PAUSE_BYTES && !this.#isEnding
    if (isFull && !this.#socket.isPaused()) this.#socket.pause()
    if (!isFull && this.#socket.isPaused()) this.#socket.resume()
    if (this.#outbox?.waitingSinceMs !== undefined && !this.#isWatched) this.#watch(NBD_UNREAD_MS)
  }

  /** Hangs up on a client that does not take its answers. */
  #watch(ms: number): void {
    this.#isWatched = true
    this.#deadlines.after(ms, () => {
      this.#isWatched = false
      const sinceMs = this.#outbox?.waitingSinceMs
      if (sinceMs === undefined) return
      const leftMs = sinceMs + NBD_UNREAD_MS - this.#components.clock.monotonic()
      if (leftMs > 0) this.#watch(leftMs)
      else this.#break('unread')
    })
  }

  #giveWay(): void {
    const { log } = this.#components
    log.info(
      { disk: this.#disk?.name },
      'a client takes nothing of its answers, and others wait: hung up on it',
    )
    this.#break('unread')
  }

  #startTls(ack: Buffer): void {
    const { tls } = this.#init
    // Bytes that came with the option are not those of whoever will be at the other end of TLS.
    if (tls === undefined || this.#queue.length > 0) return this.#break('protocol')
    this.#isEncrypting = true
    this.#socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('drain')
    this.#encrypt(tls, ack).catch((error: unknown) => {
      const isOurs = error instanceof BootswarmError
      if (isOurs) this.#components.log.debug({ err: error.message }, 'refused a client of a disk')
      else this.#components.log.error({ err: error }, 'TLS of a disk failed')
      this.#break(isOurs && error.code !== 'E_UNREACHABLE' ? 'certificate' : 'tls')
    })
  }

  async #encrypt(tls: TlsGate, ack: Buffer): Promise<void> {
    const socket = await tls.begin(this.#socket, ack)
    if (this.#isClosed) return
    this.#socket = socket
    this.#isEncrypting = false
    this.#handshake.tlsBegan()
    this.#listen(socket)
    this.#recheck(tls, socket)
    // it may have to end by now
    this.#pump()
  }

  /** A certificate may end, or be taken back. */
  #recheck(tls: TlsGate, socket: TLSSocket): void {
    this.#deadlines.after(NBD_TLS_RECHECK_MS, () => {
      try {
        tls.judge(socket)
        this.#recheck(tls, socket)
      } catch (error) {
        if (!(error instanceof BootswarmError)) throw error
        this.#break('certificate')
      }
    })
  }

  #break(reason: NbdRefusal): void {
    if (!this.#isBroken) this.#components.observer.refused(reason)
    this.#isBroken = true
    this.#isEnding = true
    this.destroy()
  }

  #onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#deadlines.cancelAll()
    this.#transmission?.end()
    this.#gone.abort()
    this.#outbox?.close()
    this.#allowance.end()
    this.#init.closed()
  }
}
