import type { Connection, Topology } from '@libp2p/interface'
import type { KadDHTComponents } from '@libp2p/kad-dht'
import { GrantError } from '../core/errors.ts'
import { withoutOwnRenewals } from './own-records.ts'

type Registrar = KadDHTComponents['registrar']
type ConnectionManager = KadDHTComponents['connectionManager']

interface Gate {
  admits(connection: Connection): Promise<boolean>
}

/**
 * Components for a service that stands behind the gate: it hears only of admitted peers, answers only them and asks only
 * them. (Middleware of the registrar could not do this: with libp2p 3.3 each inbound stream adds the handler to the list of
 * middleware once more, so that the second stream is handled twice.)
 */
export function gatedComponents(
  components: KadDHTComponents,
  { gate, recordValidityMs }: { gate: Gate; recordValidityMs: number },
): KadDHTComponents {
  const { peerId, privateKey, addressManager, peerStore, events, logger, ping } = components
  const records = { self: peerId.toString(), validityMs: recordValidityMs, now: () => Date.now() }
  const datastore = withoutOwnRenewals(components.datastore, records)
  const { metrics, registrar, connectionManager } = components
  return {
    ...{ peerId, privateKey, addressManager, peerStore, datastore, events, logger, ping },
    ...(metrics === undefined ? {} : { metrics }),
    registrar: changed(registrar, gatedRegistrar(registrar, gate)),
    connectionManager: changed(connectionManager, gatedStreams(connectionManager, gate)),
  }
}

function gatedRegistrar(registrar: Registrar, gate: Gate): Pick<Registrar, 'handle' | 'register'> {
  return {
    handle: (protocol, handler, options) =>
      registrar.handle(
        protocol,
        async (stream, connection) => {
          // Nothing is read meanwhile, so that a stranger fills no more than one window.
          stream.pause()
          if (!(await gate.admits(connection))) return stream.abort(withoutPass())
          if (stream.status !== 'open') return
          stream.resume()
          await handler(stream, connection)
        },
        options,
      ),
    register: (protocol, topology) => registrar.register(protocol, admittedOnly(topology, gate)),
  }
}

/** A topology that hears of peers when they are admitted. */
export function admittedOnly(topology: Topology, gate: Gate): Topology {
  return {
    ...topology,
    onConnect: (peer, connection) => {
      void gate.admits(connection).then((admitted) => {
        if (admitted && connection.status === 'open') topology.onConnect?.(peer, connection)
      })
    },
  }
}

function gatedStreams(manager: ConnectionManager, gate: Gate): Pick<ConnectionManager, 'openStream'> {
  return {
    openStream: async (peer, protocol, options) => {
      const connection = await manager.openConnection(peer, options)
      if (!(await gate.admits(connection))) throw withoutPass()
      return await connection.newStream(protocol, options)
    },
  }
}

function withoutPass(): GrantError {
  return new GrantError('peer has shown no pass')
}

/** `target` with some of its methods replaced. */
function changed<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(name in changes ? changes : of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
}
