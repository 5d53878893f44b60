import { mkdir, stat } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fastify } from 'fastify'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listenForProbes, listenOnSocket } from '../../node/listen.ts'
import { groupId } from '../../node/socket-file.ts'
import { failureOf } from '../fixtures/failure.ts'
import { testsThatNeed } from '../fixtures/programs.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('listening of a node')
const GROUP = 'daemon'

async function listened(path: string): Promise<void> {
  const app = fastify()
  await listenOnSocket(app, path, { group: GROUP })
  await app.close()
}

async function groupOf(path: string): Promise<number> {
  return (await stat(path)).gid
}

const group = process.getuid?.() === 0 ? await groupId(GROUP) : undefined
const asRoot = testsThatNeed(
  test,
  group === undefined ? `giving directories away needs root and the group ${GROUP}` : undefined,
)

asRoot('gives the directories that it makes to the group of the socket', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'run', 'bootswarm', 'node.sock')
    const before = await groupOf(dir)
    await listened(path)
    for (const made of [dirname(path), dirname(dirname(path))]) {
      assert.is(await groupOf(made), group)
      assert.is((await stat(made)).mode & 0o777, 0o750)
    }
    assert.is(await groupOf(dir), before)
  }),
)

asRoot('leaves a directory that was there to its owner', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'run', 'node.sock')
    await mkdir(dirname(path))
    const before = await groupOf(dirname(path))
    await listened(path)
    assert.is(await groupOf(dirname(path)), before)
  }),
)

test('names the address for probes that is taken', async () => {
  const taken = await listenForProbes(new Registry(), { host: '127.0.0.1', port: 0 })
  assert.ok(taken)
  const { port } = taken.server.address() as AddressInfo
  const error = await failureOf(listenForProbes(new Registry(), { host: '127.0.0.1', port }))
  await taken.close()
  assert.is(error.code, 'E_CONFIG')
  assert.match(error.message, `127.0.0.1:${port} (EADDRINUSE)`)
})

test.run()
