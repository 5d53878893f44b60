import { join } from 'node:path'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkDisks } from '../../../node/doctor/daemon.ts'
import type { DiskObject } from '../../../src/api/disk-schemas.ts'
import { NODE_PATHS } from '../../../src/api/node-paths.ts'
import { diskObject } from '../../fixtures/disk-object.ts'
import { withScratch } from '../../fixtures/scratch.ts'

const test = suite('doctor: disks')

type Context = Parameters<typeof checkDisks>[0]

/** What is found where the node says this of its disks. */
function findings(disks: readonly Partial<DiskObject>[]): ReturnType<typeof checkDisks> {
  return withScratch(async (dir) => {
    const socket = join(dir, 'node.sock')
    const app = fastify()
    app.get(NODE_PATHS.disks, async () => disks.map(diskObject))
    await app.listen({ path: socket })
    try {
      const config = { control: { socket } } as Context['config']
      const status = Promise.resolve({}) as unknown as Context['status']
      return await checkDisks({ config, status, signal: AbortSignal.timeout(10_000) } as Context)
    } finally {
      await app.close()
    }
  })
}

test('one that could not be opened is not said to be read', async () => {
  const [away, full] = await findings([
    { name: 'away', state: 'unavailable', reason: 'nobody has it' },
    { name: 'full', state: 'ready', reason: 'no room' },
  ])
  assert.is(away?.found, 'away is unavailable: nobody has it')
  assert.match(away?.advice ?? '', 'the node tries again every 15 s')
  assert.is(full?.found, 'full is ready: no room')
  assert.match(full?.advice ?? '', 'What is here is read all the same')
})

test.run()
