import type { Clock } from '../../../src/core/clock.ts'
import {
  NBD_ANSWERS_AHEAD_BYTES,
  NBD_PREFETCHES_MAX,
  NBD_REQUEST_BYTES_MAX,
} from '../../../src/core/disk-limits.ts'
import { BootswarmError } from '../../../src/core/errors.ts'
import type { Log } from '../../../src/core/log.ts'
import type { Allowance } from './allowance.ts'
import type { ByteQueue } from './byte-queue.ts'
import type { ExportOptions, Pieces } from './export.ts'
import type { NbdObserver } from './observer.ts'
import type { Session } from './options.ts'
import type { Outbox } from './outbox.ts'
import { readReply } from './read-reply.ts'
import { doneChunk, errorChunk, simpleReply } from './replies.ts'
import { type Refused, refusalOf } from './request-rules.ts'
import { commandName, type NbdRequest, parseRequest } from './requests.ts'
import { extentsWanted, statusBytesMax, statusReply } from './status-reply.ts'
import { COMMAND, NBD_ERROR, REQUEST_BYTES } from './wire.ts'

export interface TransmissionComponents {
  readonly outbox: Outbox
  readonly allowance: Allowance
  readonly clock: Clock
  readonly observer: NbdObserver
  readonly log: Log
}

interface TransmissionInit {
  readonly session: Session
  /** Aborted when nobody waits for answers any more. */
  readonly signal: AbortSignal
}

/** Why `serve` has stopped: there is nothing more, there is no room, the client has said goodbye, or does not speak the protocol. */
export type ServeEnd = 'empty' | 'full' | 'goodbye' | 'broken'

/** The requests of one connection: each is begun as it comes, and answered as its export answers. */
export class Transmission {
  readonly #components: TransmissionComponents
  readonly #session: Session
  readonly #options: ExportOptions
  /** A request that has been read and has no room yet. */
  #next: NbdRequest | undefined
  /** Since when it has none. */
  #fullSinceMs: number | undefined
  /** Requests that are begun and could not be answered at once, with the time, the oldest first. */
  readonly #unanswered = new Map<NbdRequest, number>()
  /** Bytes of a refused write that are still to come. */
  #skip = 0
  #prefetches = 0
  #isShutDown = false
  #isOver = false
  #hasFailed = false

  constructor(components: TransmissionComponents, init: TransmissionInit) {
    this.#components = components
    this.#session = init.session
    this.#options = { signal: init.signal }
  }

  /** Since when the oldest request that is begun has no answer. */
  get unansweredSinceMs(): number | undefined {
    return this.#unanswered.values().next().value
  }

  /** From now on every request is refused: the disk is taken away. */
  shutDown(): void {
    this.#isShutDown = true
  }

  /** The connection is gone: what is still answered is thrown away. */
  end(): void {
    this.#isOver = true
  }

  /** Begins what is in `queue`, as far as there is room. */
  serve(queue: ByteQueue): ServeEnd {
    for (;;) {
      if (this.#skip > 0) this.#skip -= queue.skip(this.#skip)
      if (this.#skip > 0) return 'empty'
      if (this.#next === undefined) {
        const bytes = queue.take(REQUEST_BYTES)
        if (bytes === undefined) return 'empty'
        this.#next = parseRequest(bytes, this.#components.clock.monotonic())
        if (this.#next === undefined) return 'broken'
      }
      const end = this.#begin(this.#next)
      if (end !== undefined) return end
      this.#next = undefined
    }
  }

  #begin(request: NbdRequest): ServeEnd | undefined {
    if (request.command === COMMAND.disconnect) return 'goodbye'
    // More than any client would write at once: it is not worth waiting for its end.
    if (request.command === COMMAND.write && request.length > NBD_REQUEST_BYTES_MAX) return 'broken'
    if (this.#isAhead()) {
      this.#fullSinceMs = undefined
      return 'full'
    }
    const refused = refusalOf(request, this.#session, { isShutDown: this.#isShutDown })
    if (!this.#hasRoom(refused === undefined ? this.#heldBy(request) : 0)) return 'full'
    if (request.command === COMMAND.write) this.#skip = request.length
    if (refused !== undefined) this.#refuse(request, refused, 0)
    else this.#run(request)
    return undefined
  }

  /** Enough of its answers wait for the client: what is opened now would wait in memory, and hold up others. */
  #isAhead(): boolean {
    const { outbox, allowance } = this.#components
    if (outbox.waitingBytes < NBD_ANSWERS_AHEAD_BYTES) return false
    allowance.stepBack()
    return true
  }

  /** Bytes that count against the budget from now until the answer is taken: the most that it can have beside headers. */
  #heldBy(request: NbdRequest): number {
    if (request.command === COMMAND.read) return request.length
    if (request.command !== COMMAND.blockStatus) return 0
    return statusBytesMax(request, this.#session.contexts.length)
  }

  #hasRoom(bytes: number): boolean {
    const { allowance, clock, observer } = this.#components
    if (!allowance.admit(bytes)) {
      this.#fullSinceMs ??= clock.monotonic()
      return false
    }
    if (this.#fullSinceMs !== undefined) observer.stalled((clock.monotonic() - this.#fullSinceMs) / 1000)
    this.#fullSinceMs = undefined
    return true
  }

  #run(request: NbdRequest): void {
    switch (request.command) {
      case COMMAND.read:
        return this.#read(request)
      case COMMAND.blockStatus:
        return void this.#blockStatus(request)
      case COMMAND.cache:
        return this.#cache(request)
      default:
        // FLUSH: nothing is ever written
        return this.#done(request)
    }
  }

  /** Without a promise where the export has the bytes at hand. */
  #read(request: NbdRequest): void {
    const { offset, length } = request
    try {
      const pieces = this.#session.disk.read(offset, length, this.#options)
      if (!(pieces instanceof Promise)) return this.#answerRead(request, pieces)
      this.#unanswered.set(request, this.#components.clock.monotonic())
      pieces
        .then((later) => this.#answerRead(request, later))
        .catch((error: unknown) => this.#fail(request, error))
    } catch (error) {
      this.#fail(request, error)
    }
  }

  #answerRead(request: NbdRequest, pieces: Pieces): void {
    if (this.#isOver) return pieces.release?.()
    const { outbox } = this.#components
    readReply(outbox, request, { pieces, structured: this.#session.structured })
    if (pieces.release !== undefined) outbox.whenWritten(pieces.release)
    this.#answered(request, { error: NBD_ERROR.ok, held: request.length })
  }

  async #blockStatus(request: NbdRequest): Promise<void> {
    const { disk, contexts } = this.#session
    const { offset, length } = request
    this.#unanswered.set(request, this.#components.clock.monotonic())
    const range = { offset, length, extentsMax: extentsWanted(request) }
    try {
      const answers = await Promise.all(
        contexts.map(async (context) => {
          return { context, extents: await disk.extents(context.context, range, this.#options) }
        }),
      )
      if (this.#isOver) return
      statusReply(this.#components.outbox, request, answers)
      this.#answered(request, { error: NBD_ERROR.ok, held: this.#heldBy(request) })
    } catch (error) {
      this.#fail(request, error)
    }
  }

  /** A hint: with too many of them under way the next are not followed. */
  #cache(request: NbdRequest): void {
    if (this.#prefetches >= NBD_PREFETCHES_MAX) return this.#done(request)
    this.#prefetches += 1
    this.#prefetch(request)
      .catch((error: unknown) => this.#fail(request, error))
      .finally(() => {
        this.#prefetches -= 1
      })
  }

  async #prefetch(request: NbdRequest): Promise<void> {
    await this.#session.disk.prefetch(request.offset, request.length, this.#options)
    this.#done(request)
  }

  #done(request: NbdRequest): void {
    if (this.#isOver) return
    const { outbox } = this.#components
    if (this.#session.structured) doneChunk(outbox, request)
    else simpleReply(outbox, request, NBD_ERROR.ok)
    this.#answered(request, { error: NBD_ERROR.ok, held: 0 })
  }

  #fail(request: NbdRequest, error: unknown): void {
    if (this.#isOver) return
    const held = this.#heldBy(request)
    if (this.#isShutDown) {
      const message = 'the disk was taken away'
      this.#refuse(request, { error: NBD_ERROR.shutdown, message }, held)
      return
    }
    const isOurs = error instanceof BootswarmError
    if (!this.#hasFailed || !isOurs) {
      const data = { err: error, disk: this.#session.disk.name, command: commandName(request.command) }
      this.#components.log.warn(data, 'a disk could not answer')
    }
    this.#hasFailed = true
    const message = isOurs ? error.message : 'a defect of the node'
    this.#refuse(request, { error: NBD_ERROR.io, message }, held)
  }

  #refuse(request: NbdRequest, refused: Refused, held: number): void {
    const { outbox } = this.#components
    if (this.#session.structured) errorChunk(outbox, request, refused)
    else simpleReply(outbox, request, refused.error)
    this.#answered(request, { error: refused.error, held })
  }

  #answered(request: NbdRequest, { error, held }: { error: number; held: number }): void {
    const { outbox, observer, clock } = this.#components
    this.#unanswered.delete(request)
    outbox.answered(held)
    const seconds = (clock.monotonic() - request.atMs) / 1000
    observer.answered({ command: commandName(request.command), bytes: request.length, seconds, error })
  }
}
