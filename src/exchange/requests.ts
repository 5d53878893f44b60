import type { Clock } from '../core/clock.ts'
import { BusyError, NotFoundError, ProtocolError, TimeoutError } from '../core/errors.ts'
import type { Assign, Blocks, Message, NodePart, Opened, Refused } from '../wire/message-types.ts'

/** What answers a request of ours. */
export type Answer = Blocks | Opened | Refused | Assign | Uint8Array

type Kind = 'open' | 'want' | 'ask' | 'node'

interface Pending {
  kind: Kind
  resolve(answer: Answer): void
  reject(error: Error): void
  cancelTimer(): void
  node?: { bytes: Uint8Array; filled: number }
}

/**
 * The requests that one side of a channel has outstanding, and their deadlines: a request fails when for
 * `timeoutMs` neither it nor any request of the channel was answered.
 */
export class Requests {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #pending = new Map<number, Pending>()
  #next = 1
  #progressMs = 0
  #bulk = 0

  constructor(components: { clock: Clock }, init: { timeoutMs: number }) {
    this.#clock = components.clock
    this.#timeoutMs = init.timeoutMs
  }

  /** Whether a `blocks` or `node` may arrive. */
  get expectsBulk(): boolean {
    return this.#bulk > 0
  }

  /** A new request: its number, and its answer. The answer rejects with TimeoutError past the deadline. */
  begin(kind: Kind): { request: number; answer: Promise<Answer> } {
    const request = this.#next
    this.#next = this.#next === 0xffff_ffff ? 1 : this.#next + 1
    if (isBulk(kind)) this.#bulk++
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#pending.set(request, { kind, resolve, reject, cancelTimer: () => {} })
    })
    this.#arm(request)
    return { request, answer }
  }

  /** Gives an answer to its request; an answer to a request that was given up is dropped. */
  settle(message: Message): void {
    if (message.type === 'opened' || message.type === 'refused') this.#finish(message.id, 'open', message)
    else if (message.type === 'blocks') this.#finish(message.request, 'want', message)
    else if (message.type === 'assign') this.#finish(message.request, 'ask', message)
    else if (message.type === 'node') this.#part(message)
    else if (message.type === 'busy') {
      this.fail(message.request, new BusyError('peer is busy', { data: { retryMs: message.retryMs } }))
    } else if (message.type === 'failed')
      this.fail(message.request, new NotFoundError('peer does not hold it'))
  }

  fail(request: number, error: Error): void {
    this.#remove(request)?.reject(error)
  }

  failAll(error: Error): void {
    for (const request of [...this.#pending.keys()]) this.fail(request, error)
  }

  /** Gives a request up. Its answer may still be on its way, so bulk messages stay welcome until it came. */
  abandon(request: number, error: Error): void {
    const pending = this.#pending.get(request)
    if (pending === undefined) return
    pending.cancelTimer()
    pending.reject(error)
    pending.resolve = () => {}
    pending.reject = () => {}
  }

  #finish(request: number, kind: Kind, answer: Answer): void {
    const pending = this.#pending.get(request)
    if (pending === undefined) return
    if (pending.kind !== kind) throw new ProtocolError('answer of the wrong kind')
    this.#remove(request)
    pending.resolve(answer)
  }

  #part(part: NodePart): void {
    const pending = this.#pending.get(part.request)
    if (pending === undefined) return
    if (pending.kind !== 'node') throw new ProtocolError('answer of the wrong kind')
    if (part.total === 0) return this.fail(part.request, new NotFoundError('peer does not hold the node'))
    const filled = pending.node?.filled ?? 0
    const total = pending.node?.bytes.length ?? part.total
    if (part.offset !== filled || part.total !== total) throw new ProtocolError('node came out of order')
    const bytes = pending.node?.bytes ?? new Uint8Array(total)
    bytes.set(part.bytes, filled)
    pending.node = { bytes, filled: filled + part.bytes.length }
    if (pending.node.filled === total) this.#finish(part.request, 'node', bytes)
    else this.#arm(part.request)
  }

  #arm(request: number): void {
    const pending = this.#pending.get(request)
    if (pending === undefined) return
    pending.cancelTimer()
    const startedMs = this.#clock.monotonic()
    pending.cancelTimer = this.#clock.after(this.#timeoutMs, () => {
      if (this.#progressMs > startedMs) this.#arm(request)
      else this.abandon(request, new TimeoutError('peer did not answer in time'))
    })
  }

  #remove(request: number): Pending | undefined {
    const pending = this.#pending.get(request)
    if (pending === undefined) return undefined
    this.#pending.delete(request)
    this.#progressMs = this.#clock.monotonic()
    if (isBulk(pending.kind)) this.#bulk--
    pending.cancelTimer()
    return pending
  }
}

const isBulk = (kind: Kind) => kind === 'want' || kind === 'node'
