import { Server, type Socket } from 'node:net'
import type { tcp } from '@libp2p/tcp'
import type { Clock } from '../core/clock.ts'
import { InternalError } from '../core/errors.ts'
import type { HostLimits } from './host-limits.ts'

type TcpFactory = ReturnType<typeof tcp>

/** First byte of a TLS handshake record (RFC 8446, 5.1); multistream-select begins with 0x13, the length of its name. */
const TLS_HANDSHAKE = 0x16

/**
 * One TCP port for two protocols: connections that begin with a TLS handshake go to `onTls`, all others to libp2p. So whoever knows an
 * address of a peer knows where its data is, whether from the tracker or from the DHT, and a firewall has one rule.
 */
export class SharedPort {
  readonly #clock: Clock
  readonly #limits: HostLimits
  /** Sockets that have not said anything yet, the oldest first. */
  readonly #silent = new Set<Socket>()
  /** Takes sockets that speak TLS; without it they are closed. */
  onTls: ((socket: Socket) => void) | undefined

  constructor(components: { clock: Clock }, init: { limits: HostLimits }) {
    this.#clock = components.clock
    this.#limits = init.limits
  }

  /** The transport with its listeners shared. */
  transport(make: TcpFactory): TcpFactory {
    return (components) => {
      const transport = make(components)
      const createListener = transport.createListener.bind(transport)
      return Object.assign(transport, {
        createListener: (options: Parameters<typeof createListener>[0]) => {
          const listener = createListener(options)
          this.#share(serverOf(listener))
          return listener
        },
      })
    }
  }

  stop(): void {
    this.onTls = undefined
    for (const socket of this.#silent) socket.destroy()
  }

  #share(server: Server): void {
    const listeners = server.listeners('connection')
    server.removeAllListeners('connection')
    const libp2p = (socket: Socket) => {
      for (const listener of listeners) listener.call(server, socket)
    }
    server.on('connection', (socket: Socket) => this.#wait(socket, libp2p))
  }

  #wait(socket: Socket, libp2p: (socket: Socket) => void): void {
    const late = this.#clock.after(this.#limits.inboundUpgradeTimeoutMs, () => socket.destroy())
    const settle = () => {
      late()
      this.#silent.delete(socket)
      socket.off('close', settle)
    }
    this.#silent.add(socket)
    socket.once('close', settle)
    // whoever gets the socket hears of errors too; before that the close is enough
    socket.on('error', () => {})
    socket.once('data', (first: Buffer) => {
      settle()
      // nothing more is read before there is somebody to read it
      socket.pause()
      socket.unshift(first)
      if (first[0] !== TLS_HANDSHAKE) {
        libp2p(socket)
        socket.resume()
      } else if (this.onTls === undefined) socket.destroy()
      else this.onTls(socket)
    })
    this.#makeRoom()
  }

  /** Who says nothing never keeps those out who come later. */
  #makeRoom(): void {
    for (const socket of this.#silent) {
      if (this.#silent.size <= this.#limits.strangersMax) return
      socket.destroy()
      this.#silent.delete(socket)
    }
  }
}

/** The server of a TCP listener of libp2p, which has no other way to share its port. */
function serverOf(listener: object): Server {
  const server: unknown = Reflect.get(listener, 'server')
  if (server instanceof Server) return server
  throw new InternalError('the TCP listener of libp2p has no server of node:net')
}
