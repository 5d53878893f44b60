import { type FastifyInstance, fastify } from 'fastify'
import type { Registry } from 'prom-client'
import { PROBE_CONNECTIONS_MAX } from '../src/core/registry-limits.ts'
import { cannotListen } from '../src/util/cannot-listen.ts'
import type { ListenAddress } from '../src/util/config-file.ts'
import { listenAtPath } from './socket-file.ts'

/** Listens on a unix socket. Throws StateError when another node listens there. */
export function listenOnSocket(
  app: FastifyInstance,
  path: string,
  init: { group?: string } = {},
): Promise<void> {
  return listenAtPath(path, () => app.listen({ path }), init)
}

/** Plain HTTP with health and metrics; nothing when there is no address. Throws ConfigError when it cannot be had. */
export async function listenForProbes(
  metrics: Registry,
  address: ListenAddress | undefined,
): Promise<FastifyInstance | undefined> {
  if (address === undefined) return undefined
  const app = fastify()
  app.server.maxConnections = PROBE_CONNECTIONS_MAX
  addProbes(app, metrics)
  try {
    await app.listen(address)
  } catch (error) {
    throw cannotListen(address, error)
  }
  return app
}

/** /livez, /readyz, /metrics. */
export function addProbes(app: FastifyInstance, metrics: Registry): void {
  app.get('/livez', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => ({ status: 'ok' }))
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.metrics()
  })
}
