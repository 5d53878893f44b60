import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { StateError } from '../../../src/core/errors.ts'
import { guard } from '../../../testnet/guard.ts'
import type { IdentityPaths } from '../../../testnet/layout.ts'
import { nginxConfig } from '../../../testnet/peers/nginx-config.ts'
import { processRef, stopProcess } from '../../../testnet/processes.ts'

const run = promisify(execFile)
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }
const START_TRIES = 100

/** `nginx/VERSION`; undefined where it is not installed. */
export async function nginxVersion(): Promise<string | undefined> {
  try {
    return /nginx\/\S+/.exec((await run('nginx', ['-v'], { env })).stderr)?.[0]
  } catch {
    return undefined
  }
}

export interface Nginx {
  /** Where the files of `root` are. */
  readonly port: number
  stop(): Promise<void>
}

/**
 * nginx as a site would set it up: a worker for every core, sendfile, TLS 1.3, and client certificates asked for as the
 * tracker does.
 */
export async function startNginx(init: {
  dir: string
  root: string
  identity: IdentityPaths
}): Promise<Nginx> {
  const port = await freePort()
  const work = join(init.dir, 'nginx')
  await mkdir(work, { recursive: true })
  await writeFile(
    join(work, 'nginx.conf'),
    nginxConfig({ root: init.root, server: tlsLines({ ...init, port }) }),
  )
  const args = ['-p', work, '-c', 'nginx.conf', '-e', join(work, 'error.log')]
  const child = spawn('nginx', args, { env, stdio: 'ignore', detached: true })
  await once(child, 'spawn')
  const ref = processRef(child.pid ?? 0)
  const release = guard({ dir: undefined, processes: () => [ref] })
  const stop = async () => {
    await stopProcess(ref, 5_000)
    release()
  }
  for (let i = 0; !(await answers(port)); i++) {
    if (i === START_TRIES || child.exitCode !== null) {
      await stop()
      throw new StateError(`nginx did not start: see ${join(work, 'error.log')}`)
    }
    await sleep(50)
  }
  return { port, stop }
}

/** TLS as the tracker speaks it. */
const tlsLines = ({ identity, port }: { identity: IdentityPaths; port: number }): string[] => [
  `listen 127.0.0.1:${port} ssl;`,
  `ssl_certificate ${identity.certificate};`,
  `ssl_certificate_key ${identity.key};`,
  `ssl_client_certificate ${identity.ca};`,
  'ssl_verify_client optional_no_ca;',
  'ssl_protocols TLSv1.3;',
]

async function answers(port: number): Promise<boolean> {
  return await run('curl', ['-sk', '-o', '/dev/null', '--noproxy', '*', `https://127.0.0.1:${port}/`]).then(
    () => true,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
