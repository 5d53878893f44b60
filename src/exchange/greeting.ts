import type { Admission } from '../core/admission.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, GrantError, ProtocolError } from '../core/errors.ts'
import { EXCHANGE_CREDIT_BYTES, EXCHANGE_RENEW_INTERVAL_MS } from '../core/limits.ts'
import type { PeerKey } from '../core/router.ts'
import type { Hello, Message, NewPass } from '../wire/message-types.ts'

const VERSION = 1

export interface GreetingComponents {
  readonly clock: Clock
  readonly admission: Admission
  /** Where the greeting is said. */
  readonly line: GreetingLine
}

/** A connection as far as its greeting needs it. */
export interface GreetingLine {
  readonly peer: PeerKey
  readonly inbound: boolean
  closed(): boolean
  send(message: Message): void
  /** Ends it in order: the pass of the other side is not accepted. */
  deny(reason: Error): Promise<void>
  /** Ends it at once. */
  drop(reason: unknown): void
}

/**
 * The beginning of a connection: hello and pass of both sides, and newer passes later. Whoever was dialled says nothing of itself before the pass
 * of the other side is accepted.
 */
export class Greeting {
  readonly #clock: Clock
  readonly #admission: Admission
  readonly #line: GreetingLine
  readonly #hello = Promise.withResolvers<Hello>()
  #agent = ''
  #done = false
  #passMs = Number.NEGATIVE_INFINITY

  constructor(components: GreetingComponents) {
    this.#clock = components.clock
    this.#admission = components.admission
    this.#line = components.line
    this.#hello.promise.catch(() => {})
  }

  /** Whether the pass of the other side was accepted. */
  get done(): boolean {
    return this.#done
  }

  /** The other side's hello. Rejects when the connection ends before it. */
  get hello(): Promise<Hello> {
    return this.#hello.promise
  }

  /** Sends our hello, or answers with it. */
  start(agent: string): void {
    this.#agent = agent
    if (!this.#line.inbound) this.#sayHello()
  }

  /** The connection has ended. */
  end(error: Error): void {
    this.#hello.reject(error)
  }

  /** Nothing more is to be read before it resolves. Throws ProtocolError. */
  async onHello(hello: Hello): Promise<void> {
    if (this.#done) throw new ProtocolError('second hello')
    if (hello.version !== VERSION)
      throw new ProtocolError(`peer speaks version ${hello.version}, not ${VERSION}`)
    try {
      await this.#admission.admit(this.#line.peer, hello.pass)
    } catch (error) {
      // One answer for every reason.
      if (error instanceof BootswarmError) return await this.#line.deny(error)
      throw error
    }
    if (this.#line.inbound) this.#sayHello()
    if (this.#line.closed()) return
    this.#done = true
    this.#hello.resolve(hello)
  }

  /** A pass that is not accepted changes nothing: the one before counts to its end. */
  async onPass({ pass }: NewPass): Promise<void> {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#passMs < EXCHANGE_RENEW_INTERVAL_MS) return
    this.#passMs = nowMs
    try {
      await this.#admission.admit(this.#line.peer, pass)
    } catch (error) {
      if (!(error instanceof BootswarmError)) this.#line.drop(error)
    }
  }

  #sayHello(): void {
    const pass = this.#admission.own()
    if (pass === undefined) return this.#line.drop(new GrantError('this peer has no pass'))
    const ours = { version: VERSION, credit: EXCHANGE_CREDIT_BYTES, agent: this.#agent, pass }
    this.#line.send({ type: 'hello', ...ours })
  }
}
