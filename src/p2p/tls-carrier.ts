import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { HolderAdmission } from '../core/admission.ts'
import type { CallOptions } from '../core/blockstore.ts'
import type { Carrier, Channel } from '../core/carrier.ts'
import type { Clock } from '../core/clock.ts'
import {
  AbortedError,
  BootswarmError,
  BusyError,
  GrantError,
  TimeoutError,
  UnreachableError,
} from '../core/errors.ts'
import type { Lifecycle } from '../core/lifecycle.ts'
import type { Log } from '../core/log.ts'
import type { PeerAddress, PeerKey } from '../core/router.ts'
import type { Identity } from '../identity/identity-files.ts'
import { type HostLimits, hostLimits } from './host-limits.ts'
import { passFrame, readPass } from './pass-frame.ts'
import { dialableAddresses, parsePeer } from './peer-addresses.ts'
import { type PeerSocket, PeerTls } from './peer-tls.ts'
import { TlsChannel } from './tls-channel.ts'

const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/** What the carrier needs of the libp2p host. */
export interface DataHost {
  readonly self: PeerKey
  addresses(): string[]
  /** Connections to the port of the host that speak TLS. */
  takeTls(handler: ((socket: Socket) => void) | undefined): void
  /** What the host has heard of the addresses of a peer. */
  knownAddresses(peer: PeerKey): Promise<Multiaddr[]>
  /** This peer answers: the host may want to know it too, some time. */
  introduce(peers: readonly PeerAddress[]): void
}

export interface TlsCarrierComponents {
  host: DataHost
  identity: Identity
  admission: HolderAdmission
  clock: Clock
  log: Log
}

/**
 * Carries the exchange over mutual TLS 1.3 with the certificates of the nodes (docs/specs/carrier-v1.md). A channel is handed out when both
 * sides have shown a pass for the name in the certificate that they have proved.
 */
export class TlsCarrier implements Carrier, Lifecycle {
  readonly self: PeerKey
  readonly #components: TlsCarrierComponents
  readonly #limits: HostLimits
  readonly #tls: PeerTls
  /** Inbound connections that have shown no pass yet, the oldest first. */
  readonly #strangers = new Set<Socket>()
  readonly #channels = new Set<TlsChannel>()
  #handler: ((channel: Channel) => void) | undefined
  #cancelSweep = () => {}
  #ignoreOwn = () => {}
  #stopped = false

  constructor(components: TlsCarrierComponents, init: { limits?: Partial<HostLimits> } = {}) {
    this.#components = components
    this.#limits = hostLimits(init.limits)
    this.#tls = new PeerTls(components, { limits: this.#limits })
    this.self = components.host.self
  }

  async start(): Promise<void> {
    const { host, admission } = this.#components
    this.#ignoreOwn = admission.listen((own) => {
      if (own === undefined) this.#endAll(new GrantError('this peer has no pass'))
    })
    this.#tls.prepare()
    host.takeTls((socket) => void this.#answer(socket))
    this.#sweep()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#components.host.takeTls(undefined)
    this.#cancelSweep()
    this.#ignoreOwn()
    for (const socket of this.#strangers) socket.destroy()
    const late = this.#components.clock.after(this.#limits.closeTimeoutMs, () =>
      this.#endAll(new AbortedError('stopping')),
    )
    await Promise.all([...this.#channels].map((channel) => channel.close()))
    late()
    this.#endAll(new AbortedError('stopping'))
  }

  addresses(): string[] {
    return this.#components.host.addresses()
  }

  /** Channels that are open now. */
  get channels(): number {
    return this.#channels.size
  }

  /** Connections that have shown no pass yet. */
  get strangers(): number {
    return this.#strangers.size
  }

  accept(handler: (channel: Channel) => void): void {
    this.#handler = handler
  }

  async open(address: PeerAddress, options: CallOptions = {}): Promise<Channel> {
    const { host, log } = this.#components
    parsePeer(address.peer)
    const timeout = AbortSignal.timeout(this.#limits.dialTimeoutMs)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
    const given = dialableAddresses(address, this.#limits.addressesPerPeerMax)
    const addresses = given.length > 0 ? given : await host.knownAddresses(address.peer)
    let failure: unknown
    for (const one of addresses.slice(0, this.#limits.addressesPerPeerMax)) {
      try {
        const channel = await this.#dial(one, address.peer, signal)
        host.introduce([address])
        return channel
      } catch (error) {
        log.debug({ peer: address.peer, address: one.toString(), err: error }, 'could not open a channel')
        failure = error
        if (signal.aborted) break
      }
    }
    if (options.signal?.aborted === true) throw new AbortedError('stopped on request', { cause: failure })
    if (timeout.aborted)
      throw new TimeoutError(`peer ${address.peer} did not answer in time`, { cause: failure })
    throw openError(failure, address.peer)
  }

  /** One address: TCP, TLS, certificate, passes. */
  async #dial(address: Multiaddr, peer: PeerKey, signal: AbortSignal): Promise<TlsChannel> {
    const own = this.#components.admission.own()
    if (own === undefined || this.#stopped) throw new GrantError('this peer has no pass')
    const { host, port } = placeOf(address)
    const opened = this.#tls.dial({ host, port })
    const { socket } = opened
    const stop = () => socket.destroy()
    signal.addEventListener('abort', stop, { once: true })
    socket.on('error', () => {})
    const cancelConnect = this.#components.clock.after(this.#limits.addressDialTimeoutMs, stop)
    socket.once('connect', cancelConnect)
    const cancel = this.#components.clock.after(this.#limits.passTimeoutMs, stop)
    try {
      signal.throwIfAborted()
      await settled(opened, 'secureConnect')
      const dn = this.#tls.judge(socket)
      const channel = this.#channel(opened, { inbound: false })
      channel.send(passFrame(own))
      const pass = await this.#components.admission.admitHolder(dn, await readPass(channel))
      if (pass.peer !== peer)
        throw new UnreachableError(`whoever answered did not prove to be peer ${peer}`, { data: { peer } })
      channel.proved(peer)
      return channel
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      cancelConnect()
      cancel()
      signal.removeEventListener('abort', stop)
    }
  }

  async #answer(raw: Socket): Promise<void> {
    const { admission, log, clock } = this.#components
    if (admission.own() === undefined || this.#channels.size >= this.#limits.connectionsMax) {
      raw.destroy()
      return
    }
    this.#strangers.add(raw)
    raw.once('close', () => this.#strangers.delete(raw))
    const late = clock.after(this.#limits.passTimeoutMs, () => raw.destroy())
    this.#makeRoom()
    try {
      const opened = this.#tls.answer(raw)
      opened.socket.on('error', () => {})
      await settled(opened, 'secure')
      await this.#admit(opened)
    } catch (error) {
      raw.destroy()
      if (error instanceof BootswarmError)
        log.debug({ from: raw.remoteAddress, err: error.message }, 'refused a connection')
      else log.error({ err: error }, 'a connection could not be taken')
    } finally {
      late()
      this.#strangers.delete(raw)
    }
  }

  /** Takes the pass of who has dialled, shows ours, and hands the channel out. */
  async #admit(opened: PeerSocket): Promise<void> {
    const { admission } = this.#components
    const channel = this.#channel(opened, { inbound: true })
    try {
      const dn = this.#tls.judge(opened.socket)
      const pass = await admission.admitHolder(dn, await readPass(channel))
      if (admission.own() === undefined) throw new GrantError('this peer has no pass')
      channel.proved(pass.peer)
    } catch (error) {
      channel.send(passFrame(undefined))
      await channel.close()
      throw error
    }
    channel.send(passFrame(admission.own()))
    if (this.#handler === undefined || this.#stopped)
      channel.abort(new BusyError('not ready to accept channels'))
    else this.#handler(channel)
  }

  #channel(opened: PeerSocket, init: { inbound: boolean }): TlsChannel {
    const channel = new TlsChannel(
      { ...opened, clock: this.#components.clock },
      { ...init, limits: this.#limits },
    )
    this.#channels.add(channel)
    channel.onClosed = () => this.#channels.delete(channel)
    return channel
  }

  /** Strangers never keep those out who come later. */
  #makeRoom(): void {
    for (const socket of this.#strangers) {
      if (this.#strangers.size <= this.#limits.strangersMax) return
      this.#strangers.delete(socket)
      socket.destroy()
    }
  }

  /** Ends channels whose peer's pass or certificate does not count any more. */
  #sweep(): void {
    this.#cancelSweep = this.#components.clock.after(this.#limits.passSweepIntervalMs, () => this.#sweep())
    for (const channel of this.#channels) {
      if (!channel.isProved) continue
      try {
        const dn = this.#tls.judge(channel.socket)
        if (this.#components.admission.of(channel.peer)?.sub !== dn)
          throw new GrantError('the pass of the peer has ended')
      } catch (error) {
        if (!(error instanceof BootswarmError)) throw error
        channel.abort(error)
      }
    }
  }

  #endAll(reason: Error): void {
    for (const channel of this.#channels) channel.abort(reason)
  }
}

/** Resolves when the handshake is done. Throws UnreachableError. */
async function settled({ socket }: PeerSocket, event: 'secure' | 'secureConnect'): Promise<void> {
  const ended = new AbortController()
  const gone = () => ended.abort()
  socket.once('close', gone)
  socket.once('end', gone)
  try {
    await once(socket, event, { signal: ended.signal })
  } catch (cause) {
    throw new UnreachableError('no TLS connection came about', { cause })
  } finally {
    socket.off('close', gone)
    socket.off('end', gone)
  }
}

/** Host and port of an address over TCP. Throws UnreachableError for any other. */
function placeOf(address: Multiaddr): { host: string; port: number } {
  const [at, tcp] = address.getComponents()
  const host = at !== undefined && HOSTS.has(at.name) ? at.value : undefined
  const port = tcp?.name === 'tcp' ? Number(tcp.value) : Number.NaN
  if (host === undefined || !Number.isInteger(port))
    throw new UnreachableError('an address is not one of TCP')
  return { host, port }
}

function openError(failure: unknown, peer: PeerKey): unknown {
  const data = { peer }
  if (failure instanceof TimeoutError || failure instanceof UnreachableError) return failure
  if (failure instanceof BootswarmError || failure === undefined)
    return new UnreachableError(`peer ${peer} cannot be reached`, { cause: failure, data })
  return failure
}
