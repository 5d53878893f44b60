import type { Socket } from 'node:net'
import type { Clock } from '../../../src/core/clock.ts'
import { BufferPool } from '../../../src/util/buffer-pool.ts'

const KiB = 1024
/** Memory for headers and small pieces: the headers of thousands of answers, or a dozen answers of one page. */
const SLAB_BYTES = 64 * KiB
/** Slabs that wait for their next use. */
const SLABS_KEPT_MAX = 64
/** Pieces up to which copying is cheaper than one more piece for the system. */
const COPY_BYTES_MAX = 8 * KiB
/** What is handed to the system at a time: so that the progress of a client is seen that takes 128 KiB a second, also within one long answer. */
const BATCH_BYTES = 256 * KiB
/** ... over a link, which may have 1 Mbit/s for a client. */
const REMOTE_BATCH_BYTES = 128 * KiB
/** Batches that the socket has at a time, one on its way and the next: it would hand over all that it has in one piece, of which nothing is seen before its end. */
const HANDED_MAX = 2
/** Zeros for those who cannot be told of holes. */
const ZEROS = Buffer.alloc(256 * KiB)

/** Slabs for all connections of a server: an idle connection holds none. */
export function slabPool(): BufferPool {
  return new BufferPool({ bytes: SLAB_BYTES, keepMax: SLABS_KEPT_MAX })
}

/** What the system has taken. */
export interface Written {
  readonly answers: number
  readonly bytes: number
}

interface Batch extends Written {
  /** With headers. */
  readonly sentBytes: number
  readonly pieces: readonly Uint8Array[]
  readonly slabs: readonly Buffer[]
  readonly releases: readonly (() => void)[]
}

interface OutboxComponents {
  readonly socket: Socket
  readonly slabs: BufferPool
  readonly clock: Clock
}

interface OutboxInit {
  readonly written: (written: Written) => void
  /** It goes over a link. */
  readonly isRemote: boolean
}

/**
 * Answers on their way to a socket. Headers and small pieces are written one after the other into a slab of memory, large pieces are passed on as they
 * are; all that one turn of the event loop brings leaves in one system call.
 */
export class Outbox {
  readonly #components: OutboxComponents
  readonly #written: (written: Written) => void
  readonly #batchBytes: number
  #slab: Buffer | undefined
  /** The part of the slab that is filled and not yet among `#pieces`. */
  #from = 0
  #to = 0
  /** Slabs that are full, and in use by what is not written yet. */
  #full: Buffer[] = []
  #pieces: Uint8Array[] = []
  #releases: (() => void)[] = []
  #bytes = 0
  /** Of batches that are not written yet. */
  #sentBytes = 0
  #answers = 0
  #answerBytes = 0
  #batches = 0
  /** Those that the socket does not have yet, and how many it has. */
  #queue: Batch[] = []
  #handed = 0
  #progressMs = 0
  #scheduled = false
  #closed = false

  constructor(components: OutboxComponents, init: OutboxInit) {
    this.#components = components
    this.#written = init.written
    this.#batchBytes = init.isRemote ? REMOTE_BATCH_BYTES : BATCH_BYTES
  }

  /** When the system has last taken something, by a clock that never goes back; undefined while nothing waits for it. */
  get waitingSinceMs(): number | undefined {
    return this.#batches > 0 ? this.#progressMs : undefined
  }

  /** Bytes that the system has not taken yet. */
  get waitingBytes(): number {
    return this.#bytes + this.#sentBytes
  }

  /** `bytes` of memory that the caller fills at once; at most a few hundred. */
  room(bytes: number): Buffer {
    const slab = this.#slabFor(bytes)
    const at = this.#to
    this.#to += bytes
    this.#bytes += bytes
    return slab.subarray(at, at + bytes)
  }

  append(piece: Uint8Array): void {
    if (piece.length <= COPY_BYTES_MAX) {
      this.room(piece.length).set(piece)
      return
    }
    for (let at = 0; at < piece.length; at += this.#batchBytes) {
      const part = piece.length > this.#batchBytes ? piece.subarray(at, at + this.#batchBytes) : piece
      // before, and not after: the last batch of an answer is not empty
      if (this.#bytes >= this.#batchBytes) this.#send()
      this.#seal()
      this.#pieces.push(part)
      this.#bytes += part.length
    }
  }

  appendZeros(count: number): void {
    for (let left = count; left > 0; left -= ZEROS.length) {
      this.append(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS)
    }
  }

  /** Calls `release` when the system has taken all that was appended so far; never, when the connection ends before. */
  whenWritten(release: () => void): void {
    this.#releases.push(release)
  }

  /** An answer ends here; `written` tells of it, and of its bytes, when the system has taken it. */
  answered(bytes: number): void {
    this.#answers += 1
    this.#answerBytes += bytes
    if (this.#bytes >= this.#batchBytes) this.#send()
    else this.#schedule()
  }

  /** Drops everything, and says nothing any more. */
  close(): void {
    this.#closed = true
    this.#pieces = []
    this.#queue = []
    this.#releases = []
    this.#slab = undefined
    this.#full = []
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #slabFor(bytes: number): Buffer {
    if (this.#slab !== undefined && SLAB_BYTES - this.#to >= bytes) return this.#slab
    if (this.#slab !== undefined) {
      this.#seal()
      this.#full.push(this.#slab)
    }
    const { buffer } = this.#components.slabs.take(SLAB_BYTES)
    this.#slab = Buffer.from(buffer)
    this.#from = 0
    this.#to = 0
    return this.#slab
  }

  #seal(): void {
    if (this.#slab === undefined || this.#to === this.#from) return
    this.#pieces.push(this.#slab.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #send(): void {
    if (this.#closed) return
    this.#seal()
    if (this.#pieces.length === 0) return
    this.#queue.push({
      pieces: this.#pieces,
      ...{ answers: this.#answers, bytes: this.#answerBytes, sentBytes: this.#bytes },
      ...{ slabs: this.#full, releases: this.#releases },
    })
    this.#pieces = []
    this.#releases = []
    this.#full = []
    this.#answers = 0
    this.#answerBytes = 0
    this.#sentBytes += this.#bytes
    this.#bytes = 0
    if (this.#batches === 0) this.#progressMs = this.#components.clock.monotonic()
    this.#batches += 1
    this.#handOver()
  }

  #handOver(): void {
    const { socket } = this.#components
    while (this.#handed < HANDED_MAX) {
      const batch = this.#queue.shift()
      if (batch === undefined) return
      this.#handed += 1
      socket.cork()
      for (const [i, piece] of batch.pieces.entries()) {
        if (i < batch.pieces.length - 1) socket.write(piece)
        else socket.write(piece, (error) => void (error ?? this.#onWritten(batch)))
      }
      socket.uncork()
    }
  }

  #onWritten({ answers, bytes, sentBytes, slabs, releases }: Batch): void {
    if (this.#closed) return
    this.#handed -= 1
    this.#handOver()
    this.#sentBytes -= sentBytes
    for (const release of releases) release()
    const { slabs: pool, clock } = this.#components
    this.#progressMs = clock.monotonic()
    this.#batches -= 1
    for (const slab of slabs) pool.give(slab.buffer)
    const isIdle = this.#batches === 0 && this.#pieces.length === 0 && this.#from === this.#to
    if (isIdle && this.#slab !== undefined) {
      pool.give(this.#slab.buffer)
      this.#slab = undefined
    }
    this.#written({ answers, bytes })
  }
}
