import type { Admission } from '../core/admission.ts'
import type { Channel } from '../core/carrier.ts'
import type { Digest, ManifestId } from '../core/cid.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, GrantError, TimeoutError, UnreachableError } from '../core/errors.ts'
import {
  EXCHANGE_DRAIN_TIMEOUT_MS,
  EXCHANGE_HELLO_TIMEOUT_MS,
  EXCHANGE_WANT_TIMEOUT_MS,
} from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/traffic-class.ts'
import type { BufferPool } from '../util/buffer-pool.ts'
import { encodeMessage } from '../wire/message-codec.ts'
import { MessageReader } from '../wire/message-reader.ts'
import type {
  Assign,
  Blocks,
  Have,
  HaveParts,
  Hello,
  Message,
  Opened,
  Refused,
} from '../wire/message-types.ts'
import { Greeting, type GreetingLine } from './greeting.ts'
import { haveMessages, havePartsMessages } from './have-messages.ts'
import { MessageAllowance } from './message-allowance.ts'
import { Requests } from './requests.ts'
import type { Solid } from './solid.ts'

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** A message that asks something of us. */
  asked(connection: Connection, message: Message): void
  have(connection: Connection, message: Have | HaveParts): void
  closed(connection: Connection, reason: Error | undefined): void
}

export interface WantOptions {
  readonly id: number
  readonly run: number
  readonly missing: Uint8Array
  /** `requested` when it is left out. */
  readonly class?: TrafficClass
}

export interface ConnectionComponents {
  channel: Channel
  clock: Clock
  admission: Admission
  events: ConnectionEvents
  /** Where the bodies of `blocks` come from; who has used one gives it back. */
  buffers: BufferPool
  /** Without it no answer may hold a solid frame. */
  solid?: Solid | undefined
}

/**
 * One channel with the exchange protocol on it: a greeting, our requests and their answers, the other side's requests.
 */
export class Connection {
  readonly peer: PeerKey
  readonly inbound: boolean
  wireSentBytes = 0
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #admission: Pick<Admission, 'of'>
  readonly #events: ConnectionEvents
  readonly #buffers: BufferPool
  readonly #solid: Solid | undefined
  readonly #requests: Requests
  readonly #allowance: MessageAllowance
  readonly #reader: MessageReader
  readonly #greeting: Greeting
  #closed = false

  constructor(components: ConnectionComponents) {
    this.#channel = components.channel
    this.#clock = components.clock
    this.#admission = components.admission
    this.#events = components.events
    this.#buffers = components.buffers
    this.#solid = components.solid
    this.peer = components.channel.peer
    this.inbound = components.channel.inbound
    this.#requests = new Requests({ clock: components.clock }, { timeoutMs: EXCHANGE_WANT_TIMEOUT_MS })
    this.#allowance = new MessageAllowance(components)
    this.#reader = new MessageReader({
      expectsBulk: () => this.#requests.expectsBulk,
      greeted: () => this.#greeting.done,
      allocate: (length) => this.#buffers.take(length),
    })
    this.#greeting = new Greeting({ ...components, line: this.#line() })
  }

  get wireReceivedBytes(): number {
    return this.#reader.receivedBytes
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether the pass of the other side was accepted. */
  get greeted(): boolean {
    return this.#greeting.done
  }

  /** Whether a swarm may be opened: the other side is known, and hears our hello first. */
  get mayOpen(): boolean {
    return this.greeted || (!this.inbound && this.#admission.of(this.peer) !== undefined)
  }

  /** Begins to read; sends our hello, or answers with it. */
  start(agent: string): void {
    this.#greeting.start(agent)
    const cancel = this.#clock.after(EXCHANGE_HELLO_TIMEOUT_MS, () =>
      this.drop(new TimeoutError('peer did not say hello in time')),
    )
    this.#greeting.hello.then(cancel, cancel)
    void this.#read()
  }

  /** The other side's hello. Rejects when the connection ends before it. */
  hello(): Promise<Hello> {
    return this.#greeting.hello
  }

  /** Queues a message. False: the channel is full, await `drained`. */
  send(message: Message): boolean {
    return this.sendPieces(encodeMessage(message), { bulk: false })
  }

  /** Queues an encoded message; `bulk` ones count as sent to this peer. False: as `send`. */
  sendPieces(pieces: readonly Uint8Array[], { bulk }: { bulk: boolean }): boolean {
    if (this.#closed) return true
    let room = true
    try {
      for (const piece of pieces) room = this.#channel.send(piece)
      if (bulk) for (const piece of pieces.slice(1)) this.wireSentBytes += piece.length
    } catch (error) {
      this.drop(asError(error))
    }
    return room
  }

  /** Resolves when `send` may go on. Drops a peer that does not read for long: what waits for it takes memory. */
  async drained(): Promise<void> {
    const cancel = this.#clock.after(EXCHANGE_DRAIN_TIMEOUT_MS, () =>
      this.drop(new TimeoutError('peer did not read in time')),
    )
    await this.#channel.drained().finally(cancel)
  }

  /** Shows the other side a newer pass of ours. */
  renewPass(pass: string): void {
    if (this.greeted) this.send({ type: 'pass', pass })
  }

  /** Joins a swarm at the other side; `id` is then ours for it in this connection. Errors: GrantError when refused. */
  async open(manifest: ManifestId, grant: string): Promise<Opened> {
    const { request, answer } = this.#requests.begin('open')
    this.send({ type: 'open', id: request, manifest, grant })
    const opened = (await answer) as Opened | Refused
    if (opened.type === 'refused')
      throw new GrantError('peer refused: it does not accept the grant or is not in this swarm')
    return opened
  }

  /** Wants blocks of a run. Errors: BusyError, NotFoundError, TimeoutError, UnreachableError. */
  want(want: WantOptions): { request: number; answer: Promise<Blocks> } {
    const { class: trafficClass = 'requested', ...rest } = want
    const { request, answer } = this.#requests.begin('want')
    const solid = this.#solid?.welcome(this) === true
    this.send({ type: 'want', request, ...rest, class: TRAFFIC_CLASSES.indexOf(trafficClass), solid })
    return { request, answer: answer as Promise<Blocks> }
  }

  /** Wants blocks by digest, those that the other side has; the indices of the answer count the digests. Errors: as `want`. */
  wantDigests(want: { id: number; digests: readonly Digest[]; class?: TrafficClass }): {
    request: number
    answer: Promise<Blocks>
  } {
    const { id, class: trafficClass = 'requested' } = want
    const { request, answer } = this.#requests.begin('want')
    const solid = this.#solid?.welcome(this) === true
    const digests = new Uint8Array(Buffer.concat(want.digests))
    const type = 'wantDigests'
    this.send({ type, id, request, digests, class: TRAFFIC_CLASSES.indexOf(trafficClass), solid })
    return { request, answer: answer as Promise<Blocks> }
  }

  /** Tells of runs held here. */
  have(have: { id: number; byOpener: boolean; runs: readonly number[] }): void {
    for (const message of haveMessages(have)) this.send(message)
  }

  /** Tells of parts of runs held here, in a swarm that the other side has opened. */
  haveParts(id: number, parts: ReadonlyMap<number, number>): void {
    for (const message of havePartsMessages(id, parts)) this.send(message)
  }

  /** Asks the other side to fail a want that it has not begun; what it has begun it answers as ever. */
  recall(request: number): void {
    this.send({ type: 'cancel', request })
  }

  /** Gives up a want; its late answer is dropped. */
  cancel(request: number, reason: Error): void {
    this.send({ type: 'cancel', request })
    this.#requests.abandon(request, reason)
  }

  /** Asks an origin for runs. */
  async ask(ask: { id: number; count: number; starving: boolean }): Promise<Assign> {
    const { request, answer } = this.#requests.begin('ask')
    this.send({ type: 'ask', request, ...ask })
    return (await answer) as Assign
  }

  /** Fetches a manifest or segment node; the caller checks its digest. */
  async node(id: number, digest: Digest): Promise<Uint8Array> {
    const { request, answer } = this.#requests.begin('node')
    this.send({ type: 'wantNode', id, request, digest })
    return (await answer) as Uint8Array
  }

  /** Ends the connection in order: what is queued is sent. */
  async close(): Promise<void> {
    this.#end(undefined)
    await this.#channel.close()
  }

  /** Ends the connection at once. */
  drop(reason: Error): void {
    if (this.#closed) return
    this.#channel.abort(reason)
    this.#end(reason)
  }

  async #read(): Promise<void> {
    try {
      for await (const piece of this.#channel.receive(this.#reader)) {
        for (const message of this.#reader.push(piece)) {
          if (message.type === 'hello') await this.#greeting.onHello(message)
          else this.#dispatch(message)
          if (this.#closed) return
          // What comes meanwhile stays with the carrier, which tells the other side to wait.
          if (this.#allowance.spends(message)) await this.#allowance.refilled()
          if (this.#closed) return
        }
      }
      // the other side has closed; a half open channel would stay
      await this.close()
    } catch (error) {
      this.drop(asError(error))
    }
  }

  #dispatch(message: Message): void {
    switch (message.type) {
      case 'opened':
      case 'refused':
      case 'blocks':
      case 'assign':
      case 'node':
      case 'busy':
      case 'failed':
        return this.#requests.settle(message)
      case 'have':
      case 'haveParts':
        return this.#events.have(this, message)
      case 'pass':
        return void this.#greeting.onPass(message)
      case 'denied':
        return this.drop(new GrantError('peer does not accept our pass'))
      default:
        return this.#events.asked(this, message)
    }
  }

  #line(): GreetingLine {
    return {
      peer: this.peer,
      inbound: this.inbound,
      closed: () => this.#closed,
      send: (message) => this.send(message),
      deny: async (reason) => {
        this.send({ type: 'denied' })
        this.#end(reason)
        await this.#channel.close()
      },
      drop: (reason) => this.drop(asError(reason)),
    }
  }

  #end(reason: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    const error = new UnreachableError('connection to the peer ended', { cause: reason })
    this.#greeting.end(reason instanceof GrantError ? reason : error)
    this.#requests.failAll(error)
    this.#events.closed(this, reason)
  }
}

function asError(error: unknown): Error {
  if (error instanceof BootswarmError) return error
  return new UnreachableError('connection to the peer failed', { cause: error })
}
