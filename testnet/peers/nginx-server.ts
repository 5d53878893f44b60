import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArenaHost } from '../arena/arena.ts'
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
  await writeFile(join(work, 'nginx.conf'), configOf(root, `${origin.listenAddress}:${PORT}`))
  const logPath = join(work, 'error.log')
  const args = ['-p', work, '-c', 'nginx.conf', '-e', logPath]
  const process = origin.spawn('nginx', args, { env: environment, logPath })
  await origin.expose(PORT)
  await whenListening({ process, what: 'nginx', address: origin.listenAddress, port: PORT, logPath })
  return { url: `http://${origin.address}:${PORT}`, stop: () => process.kill() }
}

/**
 * Debian's own settings where they matter (sendfile, tcp_nopush, a worker for every core); plain HTTP, which spares it the cost of TLS that
 * Bootswarm pays; no access log.
 */
function configOf(root: string, listen: string): string {
  // Started by root its workers would be somebody who may not read a temporary directory.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `${user}
worker_processes auto;
daemon off;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen ${listen};
    root ${root};
  }
}
`
}
