import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { type FastifyInstance, fastify } from 'fastify'
import type { Registry } from 'prom-client'
import { StateError } from '../src/core/errors.ts'
import { PROBE_CONNECTIONS_MAX } from '../src/core/registry-limits.ts'
import { cannotListen } from '../src/util/cannot-listen.ts'
import type { ListenAddress } from '../src/util/config-file.ts'

/** Group of those who run virtual machines; its members may use the socket. */
const SOCKET_GROUP = 'kvm'

/**
 * Listens on a unix socket of mode 0660, of group kvm where it exists, as are the directories made for it. A socket that a crash left behind is replaced;
 * throws StateError when another node listens there.
 */
export async function listenOnSocket(
  app: FastifyInstance,
  path: string,
  init: { group?: string } = {},
): Promise<void> {
  const group = process.getuid?.() === 0 ? await groupId(init.group ?? SOCKET_GROUP) : undefined
  // Only a directory made here is given away; one that was there belongs to whoever made it.
  const made = await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  if (made !== undefined && group !== undefined) await giveDirectories(dirname(path), made, group)
  if (await answers(path)) throw new StateError(`another node listens on ${path}`)
  await rm(path, { force: true })
  const umask = process.umask(0o117)
  try {
    await app.listen({ path })
  } finally {
    process.umask(umask)
  }
  await chmod(path, 0o660)
  if (group !== undefined) await chown(path, 0, group)
}

/** From `last` up to `first`, the uppermost that was missing. */
async function giveDirectories(last: string, first: string, group: number): Promise<void> {
  for (let dir = last; ; dir = dirname(dir)) {
    await chown(dir, 0, group)
    if (dir === first || dir === dirname(dir)) return
  }
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

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

async function groupId(name: string): Promise<number | undefined> {
  const text = await readFile('/etc/group', 'utf8').catch(() => '')
  const line = text.split('\n').find((entry) => entry.startsWith(`${name}:`))
  const id = Number(line?.split(':')[2])
  return line !== undefined && Number.isInteger(id) ? id : undefined
}
