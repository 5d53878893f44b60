import { join } from 'node:path'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NODE_PATHS } from '../../src/api/node-paths.ts'
import type { NodeStatus } from '../../src/api/node-schemas.ts'
import { runHere } from '../fixtures/cli.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('bootswarm node status')

const STATUS: NodeStatus = {
  version: '1.0.0',
  principal: '/CN=node',
  peer: '12D3',
  addresses: [],
  tracker: { url: 'https://tracker:8443' },
  enrolment: { state: 'active', name: 'node-1' },
  store: { blocks: 0, storedBytes: 0 },
  images: 0,
  pulls: [],
  disks: { attached: 0, stalled: 0, unavailable: 0 },
  peers: 0,
  residentBytes: 1,
  uptimeSeconds: 1,
}

test('tells a tracker that was not asked from one that is away', () =>
  withScratch(async (dir) => {
    const socket = join(dir, 'node.sock')
    const texts = ['not asked yet', 'reachable', 'out of reach']
    const answers = [undefined, true, false].map((reachable) => ({
      ...STATUS,
      tracker: { ...STATUS.tracker, ...(reachable === undefined ? {} : { reachable }) },
    }))
    const app = fastify()
    app.get(NODE_PATHS.status, async () => answers.shift())
    await app.listen({ path: socket })
    try {
      for (const text of texts) {
        const { code, stdout, stderr } = await runHere(['node', 'status', '--socket', socket])
        assert.is(code, 0, stderr)
        assert.match(stdout, `https://tracker:8443, ${text}\n`)
      }
    } finally {
      await app.close()
    }
  }))

test.run()
