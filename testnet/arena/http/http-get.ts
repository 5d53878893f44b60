import { once } from 'node:events'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StateError } from '../../../src/core/errors.ts'
import type { Arena, ArenaHost } from '../arena.ts'
import { outputOf } from '../host-processes.ts'

const PORT = 4080

/** One HTTP GET of a file between two hosts, with nobody else on the links. */
export interface HttpGet {
  readonly seconds: number
  /** Bits of the file a second, over the slower of the two links' rates. */
  readonly shareOfRate: number
}

/**
 * The yardstick: a server on one host, a client on another, both of Node.js, the file written to disk. At the rates of an arena it is as fast as
 * nginx with curl: the link is what takes the time. Throws StateError when not all of it arrives.
 */
export async function httpGet(
  arena: Arena,
  init: { from: ArenaHost; to: ArenaHost; file: string },
): Promise<HttpGet> {
  const { from, to, file } = init
  const { size } = await stat(file)
  const target = join(arena.dir, 'get.out')
  const args = [programOf('serve-file'), from.listenAddress, String(PORT), file]
  const server = from.start(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    if (server.stdout === null) throw new StateError('the server has no output')
    await once(server.stdout, 'data')
    await from.expose(PORT)
    const url = `http://${from.address}:${PORT}/file`
    const client = to.spawn(process.execPath, [programOf('fetch-url'), url, target], { capture: true })
    const { seconds, bytes } = JSON.parse(await outputOf(client, 'HTTP GET')) as Record<string, number>
    if (seconds === undefined || bytes !== size)
      throw new StateError(`HTTP GET gave ${bytes} of ${size} bytes`)
    return { seconds, shareOfRate: (size * 8) / seconds / slowerRate(arena, { from, to }) }
  } finally {
    server.kill('SIGKILL')
    await rm(target, { force: true })
  }
}

function slowerRate(arena: Arena, { from, to }: { from: ArenaHost; to: ArenaHost }): number {
  const up = arena.topology.hosts.find(({ name }) => name === from.name)?.upBitsPerSecond
  const down = arena.topology.hosts.find(({ name }) => name === to.name)?.downBitsPerSecond
  return Math.min(up ?? Number.NaN, down ?? Number.NaN)
}

function programOf(name: string): string {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`./${name}.${suffix}`, import.meta.url))
}
