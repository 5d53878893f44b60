import type { Connection, PeerId, Stream } from '@libp2p/interface'
import type { Admission } from '../core/admission.ts'
import type { Channel } from '../core/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { BootswarmError, BusyError, GrantError, TimeoutError } from '../core/errors.ts'
import { EXCHANGE_RENEW_INTERVAL_MS } from '../core/limits.ts'
import type { Log } from '../core/log.ts'
import type { HostLimits } from './host-limits.ts'
import { PASS_PROTOCOL, passFrame, readPass } from './pass-frame.ts'
import { peerKeyOf } from './peer-addresses.ts'
import { StreamChannel } from './stream-channel.ts'

/** What the gate needs of libp2p. */
export interface Gated {
  handle(
    protocol: string,
    handler: (stream: Stream, connection: Connection) => void,
    options: { maxInboundStreams: number; maxOutboundStreams: number },
  ): Promise<void>
  getConnections(peer?: PeerId): Connection[]
  addEventListener(type: 'connection:open', listener: (event: CustomEvent<Connection>) => void): void
}

export interface PassGateComponents {
  admission: Admission
  clock: Clock
  log: Log
}

/** What is known of a connection. */
interface Entry {
  readonly outcome: PromiseWithResolvers<boolean>
  cancel: () => void
  settled: boolean
  shownMs: number
}

/**
 * Lets only those take part who have shown a pass. When a connection opens, whoever dialled shows its pass and is
 * answered with one; a connection without ends soon. What stands behind the gate (the DHT) asks `admits`.
 */
export class PassGate {
  readonly #components: PassGateComponents
  readonly #limits: HostLimits
  readonly #entries = new WeakMap<Connection, Entry>()
  /** Connections that have shown nothing yet, the oldest first. */
  readonly #strangers = new Set<Connection>()
  #libp2p: Gated | undefined
  #cancelSweep = () => {}
  #ignoreOwn = () => {}

  constructor(components: PassGateComponents, init: { limits: HostLimits }) {
    this.#components = components
    this.#limits = init.limits
  }

  /** Begins to watch connections; before libp2p starts. */
  async start(libp2p: Gated): Promise<void> {
    this.#libp2p = libp2p
    const streams = this.#limits.passStreamsPerConnectionMax
    await libp2p.handle(PASS_PROTOCOL, (stream, connection) => void this.#answer(stream, connection), {
      maxInboundStreams: streams,
      maxOutboundStreams: streams,
    })
    libp2p.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    this.#ignoreOwn = this.#components.admission.listen((own) => void this.#ownChanged(own))
    this.#sweep()
  }

  stop(): void {
    this.#cancelSweep()
    this.#ignoreOwn()
  }

  /** Whether this peer may dial at all: only with a pass. */
  get open(): boolean {
    return this.#components.admission.own() !== undefined
  }

  /** Whether the other side has shown a pass that is in force; waits for one that may just be on its way. */
  async admits(connection: Connection): Promise<boolean> {
    if (this.#holds(connection)) return true
    const entry = this.#entries.get(connection)
    if (entry === undefined || entry.settled) return false
    return (await entry.outcome.promise) && this.#holds(connection)
  }

  #holds({ remotePeer }: Connection): boolean {
    return this.#components.admission.of(peerKeyOf(remotePeer)) !== undefined
  }

  #opened(connection: Connection): void {
    if (!this.open) return connection.abort(new GrantError('this peer has no pass'))
    const { clock } = this.#components
    const late = () => this.#fail(connection, new TimeoutError('peer showed no pass in time'))
    const cancel = clock.after(this.#limits.passTimeoutMs, late)
    const entry = { outcome: Promise.withResolvers<boolean>(), cancel, settled: false }
    this.#entries.set(connection, { ...entry, shownMs: Number.NEGATIVE_INFINITY })
    connection.addEventListener('close', () => this.#settle(connection, false))
    this.#strangers.add(connection)
    this.#makeRoom()
    if (connection.direction === 'outbound') void this.#show(connection)
  }

  /** Strangers never keep those out who come later. */
  #makeRoom(): void {
    for (const connection of this.#strangers) {
      if (this.#strangers.size <= this.#limits.strangersMax) return
      this.#fail(connection, new BusyError('too many connections without a pass'))
    }
  }

  #settle(connection: Connection, admitted: boolean): void {
    this.#strangers.delete(connection)
    const entry = this.#entries.get(connection)
    if (entry === undefined || entry.settled) return
    entry.settled = true
    entry.cancel()
    entry.outcome.resolve(admitted)
  }

  #fail(connection: Connection, reason: Error): void {
    if (this.#entries.get(connection)?.settled !== true && this.#holds(connection)) {
      return this.#settle(connection, true)
    }
    this.#components.log.debug(
      { peer: peerKeyOf(connection.remotePeer), err: reason.message },
      'dropped a connection',
    )
    this.#settle(connection, false)
    connection.abort(reason)
  }

  /** Shows our pass, and takes the other side's. */
  async #show(connection: Connection): Promise<void> {
    const own = this.#components.admission.own()
    if (own === undefined) return
    const signal = AbortSignal.timeout(this.#limits.passTimeoutMs)
    try {
      const channel = this.#channel(await connection.newStream(PASS_PROTOCOL, { signal }), connection)
      channel.send(passFrame(own))
      await this.#admit(connection, channel)
      await channel.close()
      this.#settle(connection, true)
    } catch (error) {
      this.#broken(connection, error)
    }
  }

  /** Takes the pass of who dialled, or a newer one, and shows ours. */
  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const entry = this.#entries.get(connection)
    const nowMs = this.#components.clock.monotonic()
    if (entry === undefined || nowMs - entry.shownMs < EXCHANGE_RENEW_INTERVAL_MS)
      return stream.abort(new BusyError('a pass was just shown'))
    entry.shownMs = nowMs
    const channel = this.#channel(stream, connection)
    try {
      await this.#admit(connection, channel)
      channel.send(passFrame(this.#components.admission.own()))
      this.#settle(connection, true)
      await channel.close()
    } catch (error) {
      channel.send(passFrame(undefined))
      await channel.close()
      this.#broken(connection, error)
    }
  }

  async #admit(connection: Connection, channel: Channel): Promise<void> {
    const late = () => channel.abort(new TimeoutError('peer showed no pass in time'))
    const cancel = this.#components.clock.after(this.#limits.passTimeoutMs, late)
    const token = await readPass(channel).finally(cancel)
    await this.#components.admission.admit(peerKeyOf(connection.remotePeer), token)
  }

  #channel(stream: Stream, connection: Connection): StreamChannel {
    const inbound = stream.direction === 'inbound'
    const init = { peer: peerKeyOf(connection.remotePeer), inbound, limits: this.#limits }
    return new StreamChannel({ stream, clock: this.#components.clock }, init)
  }

  /** A renewal that fails leaves the pass before in force until its end. */
  #broken(connection: Connection, error: unknown): void {
    const known = error instanceof BootswarmError
    const { log } = this.#components
    const peer = peerKeyOf(connection.remotePeer)
    if (this.#entries.get(connection)?.settled === true) {
      log.debug({ peer, err: error }, 'a pass could not be renewed')
      return
    }
    this.#fail(connection, known ? error : new GrantError('passes could not be shown', { cause: error }))
  }

  /** Shows a new pass to everybody; without a pass this peer is nobody, and ends its connections. */
  async #ownChanged(own: string | undefined): Promise<void> {
    const waiting = this.#libp2p?.getConnections() ?? []
    if (own === undefined) {
      for (const connection of waiting) connection.abort(new GrantError('this peer has no pass'))
      return
    }
    const show = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.#show(next)
    }
    await Promise.all(Array.from({ length: this.#limits.parallelDialsMax }, show))
  }

  /** Ends connections whose peer's pass has ended. */
  #sweep(): void {
    this.#cancelSweep = this.#components.clock.after(this.#limits.passSweepIntervalMs, () => this.#sweep())
    for (const connection of this.#libp2p?.getConnections() ?? []) {
      if (this.#entries.get(connection)?.settled !== true || this.#holds(connection)) continue
      connection.abort(new GrantError('the pass of the peer has ended'))
    }
  }
}
