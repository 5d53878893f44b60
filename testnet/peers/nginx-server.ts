import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArenaHost } from '../arena/arena.ts'
import { nginxConfig } from './nginx-config.ts'
import { environment, type ProgramSpec, whenListening } from './programs.ts'

const PORT = 8080

export const NGINX: ProgramSpec = {
  command: ['nginx', '-v'],
  version: /(nginx)\/(\S+)/,
  debian: 'nginx-light',
}

export interface FileServer {
  /** Without a slash at its end. */
  readonly url: string
  stop(): void
}

/** nginx on the origin, which serves the files below `root` over plain HTTP. */
export async function startFileServer(init: {
  origin: ArenaHost
  dir: string
  root: string
}): Promise<FileServer> {
  const { origin, root } = init
  const work = join(init.dir, 'nginx')
  await mkdir(work)
  // Plain HTTP spares it the cost of TLS that Bootswarm pays.
  const server = [`listen ${origin.listenAddress}:${PORT};`]
  await writeFile(join(work, 'nginx.conf'), nginxConfig({ root, server }))
  const logPath = join(work, 'error.log')
  const args = ['-p', work, '-c', 'nginx.conf', '-e', logPath]
  const process = origin.spawn('nginx', args, { env: environment, logPath })
  await origin.expose(PORT)
  await whenListening({ process, what: 'nginx', address: origin.listenAddress, port: PORT, logPath })
  return { url: `http://${origin.address}:${PORT}`, stop: () => process.kill() }
}
