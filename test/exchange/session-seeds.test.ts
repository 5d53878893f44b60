import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockSeeds } from '../../src/core/block-seeds.ts'
import { type Digest, digestKey } from '../../src/core/cid.ts'
import { QuotaError } from '../../src/core/errors.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('seeds of a session')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

/** Some digests come more than once. */
const IMAGE = swarmImage(Array.from({ length: 120 }, (_, i) => i % 100))
const LENGTH = 64 * 1024

test('what the store has is not looked for, what seeds have is not fetched, and each is counted', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const blocks = new MemoryStore()
  await blocks.put(IMAGE.blocks.slice(0, 10))
  const asked: Digest[] = []
  const seeds: BlockSeeds = {
    async bring(digests) {
      asked.push(...digests)
      const has = new Map(IMAGE.blocks.slice(0, 60).map((frame) => [digestKey(frame.digest), frame]))
      const frames = digests.map((digest) => has.get(digestKey(digest)))
      await blocks.put(frames.filter((frame) => frame !== undefined))
      return frames.map((frame) => frame !== undefined)
    },
  }
  const node = await startPeer(network, 'node', { blocks, seeds })
  const grant = testGrant(node.address.peer, IMAGE.id)
  const session = node.exchange.openSession({ manifest: IMAGE.id, grant })
  session.learn([origin.address])
  assert.ok((await session.run()).complete)
  assert.is(asked.length, 90, 'each once')
  // The last twenty are the first again.
  assert.equal(session.stats.blocks, { total: 120, local: 20, seeded: 60, fetched: 40 })
  const { local, seeded, fetchedUncompressed } = session.stats.bytes
  assert.equal([local, seeded, fetchedUncompressed], [20 * LENGTH, 60 * LENGTH, 40 * LENGTH])
  await Promise.all([node.exchange.stop(), origin.exchange.stop()])
})

test('a store without room for what seeds have ends a pull, and not the session of who only reads', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  let asked = 0
  const seeds: BlockSeeds = {
    async bring() {
      asked++
      throw new QuotaError('the store is full')
    },
  }
  const node = await startPeer(network, 'node', { seeds })
  const grant = testGrant(node.address.peer, IMAGE.id)
  const pull = node.exchange.openSession({ manifest: IMAGE.id, grant })
  pull.learn([origin.address])
  const failed = await pull.run().catch((error: { code?: string }) => error.code)
  assert.is(failed, 'E_QUOTA')
  node.exchange.closeSession(pull)
  const session = node.exchange.openSession({ manifest: IMAGE.id, grant, onDemand: true })
  session.learn([origin.address])
  const ending = new AbortController()
  const run = session.run({ signal: ending.signal }).catch((error: { code?: string }) => error.code)
  await session.opened()
  const bytes = await session.read({ run: 0, indices: [0] }, { class: 'guest' })
  assert.ok(bytes > 0)
  while (!session.planned) await new Promise((resolve) => setImmediate(resolve))
  assert.is(asked, 2)
  ending.abort()
  assert.is(await run, 'E_ABORTED')
  await Promise.all([node.exchange.stop(), origin.exchange.stop()])
})

test('a session that ends waits for what is being stored, which is told to stop', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const begun = Promise.withResolvers<void>()
  let stopped = false
  const seeds: BlockSeeds = {
    async bring(digests, options = {}) {
      begun.resolve()
      await new Promise((resolve) => options.signal?.addEventListener('abort', resolve))
      await new Promise((resolve) => setImmediate(resolve))
      stopped = true
      return digests.map(() => false)
    },
  }
  const node = await startPeer(network, 'node', { seeds })
  const grant = testGrant(node.address.peer, IMAGE.id)
  const session = node.exchange.openSession({ manifest: IMAGE.id, grant })
  session.learn([origin.address])
  const ending = new AbortController()
  const ended = session.run({ signal: ending.signal }).then(
    () => 'complete',
    (error: { code?: string }) => error.code,
  )
  await begun.promise
  ending.abort()
  assert.is(await ended, 'E_ABORTED')
  assert.is(stopped, true)
  await Promise.all([node.exchange.stop(), origin.exchange.stop()])
})

test.run()
