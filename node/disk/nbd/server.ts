import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../../src/core/clock.ts'
import {
  NBD_CONNECTIONS_MAX,
  NBD_DRAIN_MS,
  NBD_REFUSALS_MAX,
  NBD_STRANGERS_MAX,
} from '../../../src/core/disk-limits.ts'
import { ConfigError, StateError } from '../../../src/core/errors.ts'
import type { Log } from '../../../src/core/log.ts'
import { cannotListen } from '../../../src/util/cannot-listen.ts'
import type { ListenAddress } from '../../../src/util/config-file.ts'
import { listenAtPath } from '../../socket-file.ts'
import { Budget } from './budget.ts'
import { NbdConnection } from './connection.ts'
import type { NbdExport, NbdExports } from './export.ts'
import type { HandshakeRefusal } from './handshake.ts'
import type { NbdObserver } from './observer.ts'
import { slabPool } from './outbox.ts'
import { type NbdTls, TlsGate } from './tls.ts'
import { OPTION_REPLY } from './wire.ts'

export interface NbdServerComponents {
  readonly clock: Clock
  readonly log: Log
  readonly observer: NbdObserver
  /** Who may come over TCP, and what we show them; without it there is no TCP. */
  readonly tls?: NbdTls
}

/** Where disks are offered. */
export interface NbdListener {
  /** The port of TCP; undefined for unix sockets. */
  readonly port: number | undefined
  /** Clients that are connected here. */
  readonly connections: number
  /** The disks are taken away: listens no more, requests are answered with ESHUTDOWN, and clients that do not go are hung up on. */
  close(): Promise<void>
}

interface Listening {
  readonly server: Server
  readonly connections: Set<NbdConnection>
  /** Over TCP: it offers disks that come and go. */
  readonly isRemote: boolean
  /** Resolves when the last connection is gone; undefined while it listens. */
  closed: Promise<void> | undefined
}

const CROWDED: HandshakeRefusal = { type: OPTION_REPLY.policy, message: 'too many connections; try again' }
const CLOSED: HandshakeRefusal = { type: OPTION_REPLY.shutdown, message: 'the disk was taken away' }
/** How many connections the system keeps before we take them: a thousand may come at once. */
const BACKLOG = 1024

/**
 * Serves disks over NBD (docs/specs/nbd.md), on any number of sockets with disks of their own and bounds in common. Unix sockets are in the clear and guarded by
 * their mode; TCP is mutual TLS from the first option on.
 */
export class NbdServer {
  readonly #components: NbdServerComponents
  readonly #gate: TlsGate | undefined
  readonly #budget: Budget
  readonly #slabs = slabPool()
  readonly #listening = new Set<Listening>()
  readonly #connections = new Set<NbdConnection>()
  readonly #refused = new Set<NbdConnection>()
  #isStopped = false

  constructor(components: NbdServerComponents) {
    this.#components = components
    const { tls, clock } = components
    this.#budget = new Budget({ clock })
    this.#gate = tls === undefined ? undefined : new TlsGate({ tls, clock })
  }

  /** Connections that are open, those that are being refused included. */
  get connections(): number {
    return this.#connections.size + this.#refused.size
  }

  /** Bytes that all connections have asked for and not taken, beyond what each has for itself. */
  get bytesInFlight(): number {
    return this.#budget.bytes
  }

  /** Connections that wait for others to take what they have asked for. */
  get connectionsWaiting(): number {
    return this.#budget.waiting
  }

  /** Offers disks at a unix socket of mode 0660. Throws StateError when somebody answers there already. */
  async listenAtPath(path: string, exports: NbdExports): Promise<NbdListener> {
    const listening = this.#create(exports, undefined)
    await listenAtPath(path, () => listen(listening.server, { path }))
    return await this.#opened(listening)
  }

  /** Offers disks over TCP. Throws ConfigError without certificates, or when the address cannot be had. */
  async listenOnTcp(address: ListenAddress, exports: NbdExports): Promise<NbdListener> {
    if (this.#gate === undefined) throw new ConfigError('disks are offered over TCP with certificates alone')
    const listening = this.#create(exports, this.#gate)
    try {
      await listen(listening.server, address)
    } catch (cause) {
      throw cannotListen(address, cause)
    }
    return await this.#opened(listening)
  }

  /** Clients that read a disk over TCP. */
  remoteReaders(disk: NbdExport): number {
    return this.#remote(disk).length
  }

  /** A disk is not offered over TCP any more, and `exports` does not name it: those who read it there are told, and hung up on as when a listener closes. */
  takeFromRemote(disk: NbdExport): void {
    for (const connection of this.#remote(disk)) connection.shutDown()
  }

  /**
   * Stops listening, answers what is under way, and hangs up: machines connect to the next process and ask again. They are not told of the end, since what they are told they tell
   * their guests.
   */
  async stop(): Promise<void> {
    this.#isStopped = true
    const closed = [...this.#listening].map((listening) => this.#end(listening))
    for (const connection of [...this.#connections, ...this.#refused]) connection.hangUp()
    await this.#drained(closed)
  }

  #create(exports: NbdExports, gate: TlsGate | undefined): Listening {
    if (this.#isStopped) throw hasStopped()
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: gate !== undefined })
    const isRemote = gate !== undefined
    const listening: Listening = { server, isRemote, connections: new Set(), closed: undefined }
    server.on('connection', (socket) => this.#onConnection(socket, { listening, exports, gate }))
    return listening
  }

  /** Throws StateError when the server was stopped meanwhile. */
  async #opened(listening: Listening): Promise<NbdListener> {
    if (this.#isStopped) {
      await this.#end(listening)
      throw hasStopped()
    }
    this.#listening.add(listening)
    const address = listening.server.address()
    const port = address === null || typeof address === 'string' ? undefined : address.port
    return {
      port,
      get connections() {
        return listening.connections.size
      },
      close: () => this.#close(listening),
    }
  }

  #onConnection(
    socket: Socket,
    init: { listening: Listening; exports: NbdExports; gate: TlsGate | undefined },
  ): void {
    const { observer } = this.#components
    const { listening, exports, gate } = init
    if (this.#isStopped || listening.closed !== undefined) {
      socket.destroy()
      return
    }
    const isCrowded = this.#connections.size >= NBD_CONNECTIONS_MAX
    if (isCrowded) observer.refused('crowded')
    const all = isCrowded ? this.#refused : this.#connections
    if (isCrowded && all.size >= NBD_REFUSALS_MAX) {
      socket.destroy()
      return
    }
    observer.connected()
    const connection: NbdConnection = new NbdConnection(
      { ...this.#components, budget: this.#budget, slabs: this.#slabs, socket },
      {
        ...{ exports, tls: gate },
        refusal: () => (isCrowded ? CROWDED : listening.closed !== undefined ? CLOSED : undefined),
        closed: () => {
          all.delete(connection)
          listening.connections.delete(connection)
          observer.disconnected()
        },
      },
    )
    all.add(connection)
    listening.connections.add(connection)
    if (gate !== undefined) makeRoom(listening)
  }

  #remote(disk: NbdExport): NbdConnection[] {
    const remote = [...this.#listening].filter(({ isRemote }) => isRemote)
    return remote.flatMap(({ connections }) => [...connections].filter((each) => each.reads(disk)))
  }

  async #close(listening: Listening): Promise<void> {
    const closed = this.#end(listening)
    for (const connection of listening.connections) connection.shutDown()
    await closed
  }

  #end(listening: Listening): Promise<void> {
    listening.closed ??= new Promise((resolve) =>
      listening.server.close(() => {
        this.#listening.delete(listening)
        resolve()
      }),
    )
    return listening.closed
  }

  async #drained(closed: readonly Promise<void>[]): Promise<void> {
    const cancel = this.#components.clock.after(NBD_DRAIN_MS, () => {
      for (const connection of [...this.#connections, ...this.#refused]) connection.destroy()
    })
    try {
      await Promise.all(closed)
    } finally {
      cancel()
    }
  }
}

const hasStopped = () => new StateError('the server of the disks has stopped')

/** Strangers never keep those out who come later. */
function makeRoom({ connections }: Listening): void {
  const strangers = [...connections].filter((connection) => !connection.isKnown)
  for (const stranger of strangers.slice(0, -NBD_STRANGERS_MAX)) stranger.destroy()
}

function listen(server: Server, address: { path: string } | ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...address, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
