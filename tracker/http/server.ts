import { constants } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import {
  PROBE_CONNECTIONS_MAX,
  TRACKER_CONNECTIONS_MAX,
  TRACKER_DRAIN_TIMEOUT_MS,
  TRACKER_HANDSHAKE_TIMEOUT_MS,
} from '../../src/core/registry-limits.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { cannotListen } from '../../src/util/cannot-listen.ts'
import type { ListenAddress } from '../../src/util/config-file.ts'
import type { TrackerMetrics } from '../metrics.ts'
import type { App } from './app-type.ts'

/**
 * TLS of the main listener. Any certificate passes the handshake: Node.js would refuse RFC 3820 proxies, and the routes
 * want to say why they refuse. No resumption: a resumed session shows no chain.
 */
export function tlsOptions(identity: Identity): ServerOptions {
  return {
    cert: identity.certificatePem,
    key: identity.keyPem,
    ca: identity.trust.pem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: TRACKER_HANDSHAKE_TIMEOUT_MS,
  }
}

/** Listens; returns the URL to reach it by, with the port that was taken. Throws ConfigError. */
export async function listen(app: App, address: ListenAddress): Promise<string> {
  app.server.maxConnections = TRACKER_CONNECTIONS_MAX
  try {
    await app.listen({ ...address, backlog: 1024 })
  } catch (cause) {
    throw cannotListen(address, cause)
  }
  const { port } = app.server.address() as AddressInfo
  return `https://${reachableHost(address)}:${port}`
}

/** Host of a URL that leads to who listens here, from this machine where it listens at all addresses. */
export function reachableHost(address: ListenAddress): string {
  const host = ['0.0.0.0', '::'].includes(address.host) ? '127.0.0.1' : address.host
  return host.includes(':') ? `[${host}]` : host
}

/** Stops accepting, waits for what runs for TRACKER_DRAIN_TIMEOUT_MS, then cuts it off. */
export async function drain(app: {
  readonly server: { closeAllConnections(): void }
  close(): Promise<unknown>
}): Promise<void> {
  const late = new AbortController()
  const cut = sleep(TRACKER_DRAIN_TIMEOUT_MS, undefined, { signal: late.signal, ref: false })
    .then(() => app.server.closeAllConnections())
    .catch(() => {})
  await app.close()
  late.abort()
  await cut
}

/** Plain HTTP for probes and for Prometheus: /livez, /readyz, /metrics and nothing else. */
export async function listenPlain(
  components: { metrics: TrackerMetrics; checkReady: () => Promise<void> },
  address: ListenAddress,
): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.method === 'GET' ? request.url : undefined
    answerPlain(components, path).then(
      ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
      () => response.writeHead(503, { 'content-type': 'text/plain' }).end('not ready\n'),
    )
  })
  server.maxConnections = PROBE_CONNECTIONS_MAX
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (cause) => reject(cannotListen(address, cause)))
  server.listen(address.port, address.host, resolve)
  await promise
  return server
}

async function answerPlain(
  components: { metrics: TrackerMetrics; checkReady: () => Promise<void> },
  path: string | undefined,
): Promise<{ status: number; type: string; text: string }> {
  const ok = { status: 200, type: 'text/plain', text: 'ok\n' }
  const { registry } = components.metrics
  if (path === TRACKER_PATHS.live) return ok
  if (path === TRACKER_PATHS.metrics)
    return { ...ok, type: registry.contentType, text: await registry.metrics() }
  if (path !== TRACKER_PATHS.ready) return { ...ok, status: 404, text: 'not found\n' }
  await components.checkReady()
  return ok
}
