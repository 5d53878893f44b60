import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LAUNCHER } from '../fixtures/cli.ts'

const test = suite('README')
const README = new URL('../../README.md', import.meta.url)

/** Ports that nobody uses at the moment, one for each port of the text. */
async function freePorts(text: string): Promise<Map<string, string>> {
  const ports = new Map<string, string>()
  for (const [port] of text.matchAll(/\b(8443|400\d)\b/g)) {
    if (ports.has(port)) continue
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    if (typeof address === 'object' && address !== null) ports.set(port, String(address.port))
  }
  return ports
}

/** The script of the tour: as it is printed, with free ports, stopping at the first command that fails. */
async function tourScript(): Promise<string> {
  const section = (await readFile(README, 'utf8')).split('## A tour by hand')[1] ?? ''
  const [, script = ''] = /```sh\n([\s\S]*?)```/.exec(section) ?? []
  const ports = await freePorts(script)
  const moved = script.replace(/\b(8443|400\d)\b/g, (port) => ports.get(port) ?? port)
  return `set -euo pipefail
bootswarm() { "${process.execPath}" "${LAUNCHER}" "$@"; }
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
${moved.replaceAll(/^bootswarm (tracker|node) serve/gm, `"${process.execPath}" "${LAUNCHER}" $1 serve`)}`
}

const lacksMke2fs =
  spawnSync('/bin/sh', ['-c', 'PATH="$PATH:/usr/sbin:/sbin" command -v mke2fs']).status !== 0
if (lacksMke2fs) process.stdout.write('skipped: mke2fs is not installed\n')
const tourTest = lacksMke2fs ? test.skip : test

tourTest('the tour by hand works as it is printed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tour-'))
  const env = {
    ...process.env,
    XDG_CONFIG_HOME: join(dir, 'xdg'),
    PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
  }
  try {
    const child = spawn('/bin/bash', ['-c', await tourScript()], {
      cwd: dir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece: string) => (output += piece))
    }
    const [code] = await once(child, 'close')
    assert.is(code, 0, output)
    assert.match(output, /\nidentical\n/)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test.run()
