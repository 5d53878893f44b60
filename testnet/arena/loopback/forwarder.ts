import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressesOf } from './addresses.ts'
import type { Path, ShapedNetwork } from './shaped-network.ts'
import { groupOfSocket } from './socket-owner.ts'

/** Longer than the message of a start takes. */
const HEAR_MS = 30

export interface ForwarderComponents {
  readonly network: ShapedNetwork
  /** Process groups of programs of the arena, and the index of their host. */
  readonly groups: ReadonlyMap<number, number>
}

/** Listens at addresses of hosts and carries what comes to their programs, along the links of the network. */
export class Forwarder {
  readonly #components: ForwarderComponents
  readonly #slot: number
  /** By host and port. */
  readonly #servers = new Map<string, Server>()

  constructor(components: ForwarderComponents, init: { slot: number }) {
    this.#components = components
    this.#slot = init.slot
  }

  /** Makes a port of a host reachable, where it is not yet. Rejects with the system's error when the address is taken. */
  async expose(host: number, port: number): Promise<void> {
    if (this.#servers.has(`${host} ${port}`)) return
    const { address, listenAddress } = addressesOf(this.#slot, host)
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const target = connect({ host: listenAddress, port, allowHalfOpen: true, noDelay: true })
      void this.#carry(socket, { target, host })
    })
    server.listen(port, address)
    await once(server, 'listening')
    this.#servers.set(`${host} ${port}`, server)
  }

  async #carry(socket: Socket, { target, host }: { target: Socket; host: number }): Promise<void> {
    const end = () => {
      socket.destroy()
      target.destroy()
    }
    for (const one of [socket, target]) one.on('error', end).on('close', end)
    const from = this.#hostOf(socket) ?? (await this.#lateHostOf(socket))
    const { network } = this.#components
    socket.pipe(along(network.path(from, host))).pipe(target)
    target.pipe(along(network.path(host, from))).pipe(socket)
  }

  /** A program may connect before we have heard that it was started. */
  async #lateHostOf(socket: Socket): Promise<number | undefined> {
    await sleep(HEAR_MS)
    return this.#hostOf(socket)
  }

  /** The host whose program has opened the connection; undefined when it is none of the arena's. */
  #hostOf(socket: Socket): number | undefined {
    const { groups } = this.#components
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket
    const local = { address: remoteAddress, port: remotePort }
    const remote = { address: localAddress, port: localPort }
    const group = groupOfSocket({ local, remote }, new Set(groups.keys()))
    return group === undefined ? undefined : groups.get(group)
  }
}

/** Holds bytes back until the links of the way have carried them. */
function along(path: Path): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      void arrive(path, chunk.length).then(() => done(null, chunk))
    },
  })
}

async function arrive(path: Path, bytes: number): Promise<void> {
  for (let cut = path.cut(); cut !== undefined; cut = path.cut()) await cut
  const waitMs = path.reserve(bytes, performance.now()) - performance.now()
  if (waitMs > 0) await sleep(waitMs)
}
