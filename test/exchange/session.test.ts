import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey } from '../../src/core/cid.ts'
import { IntegrityError, NotFoundError } from '../../src/core/errors.ts'
import { SESSION_STALL_MS, SESSION_TICK_MS } from '../../src/core/limits.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { startPeer, swarmImage, type TestPeer, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('session')
const IMAGE = swarmImage(Array.from({ length: 64 }, (_, i) => i))
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

const openAt = ({ exchange, address }: TestPeer) =>
  exchange.openSession({ manifest: IMAGE.id, grant: testGrant(address.peer, IMAGE.id) })

const codeOf = (done: Promise<unknown>) =>
  done.then(
    () => 'ok',
    (error: { code?: string }) => error.code,
  )

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

test('gives up when nobody has the manifest for long', async () => {
  const clock = new FakeClock(Date.now())
  const peer = await startPeer(new MemoryNetwork(), 'peer', { clock })
  const done = codeOf(openAt(peer).run())
  let ended = false
  void done.then(() => (ended = true))
  await clock.advance(SESSION_STALL_MS)
  assert.is(ended, false)
  await clock.advance(2 * SESSION_TICK_MS)
  assert.is(await done, 'E_UNREACHABLE')
  await peer.exchange.stop()
})

test('a run that is lost during the session is fetched again', async () => {
  const network = new MemoryNetwork()
  const blocks = new MemoryStore()
  await blocks.put(IMAGE.blocks.slice(0, 40))
  const peer = await startPeer(network, 'peer', { blocks })
  await peer.nodes.put(IMAGE.nodes)
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const session = openAt(peer)
  const done = session.run()
  await until(() => session.swarm?.have.has(0) === true)
  await blocks.delete([IMAGE.blocks[0]?.digest ?? new Uint8Array(32)])
  session.swarm?.drop(0)
  session.learn([origin.address])
  assert.ok((await done).complete)
  assert.equal(
    (await blocks.has(IMAGE.blocks.map(({ digest }) => digest))).filter((held) => !held),
    [],
  )
  await Promise.all([peer.exchange.stop(), origin.exchange.stop()])
})

test('a stopped session does not touch what its successor has', async () => {
  const blocks = new MemoryStore()
  const peer = await startPeer(new MemoryNetwork(), 'peer', { blocks })
  await peer.nodes.put(IMAGE.nodes)
  const gate = Promise.withResolvers<void>()
  let asked = false
  const has = blocks.has.bind(blocks)
  blocks.has = async (digests) => {
    const held = await has(digests)
    asked = true
    await gate.promise
    return held
  }
  const controller = new AbortController()
  const session = openAt(peer)
  const done = codeOf(session.run({ signal: controller.signal }))
  await until(() => asked)
  controller.abort()
  assert.is(await done, 'E_ABORTED')
  const swarm = session.swarm
  assert.ok(swarm)
  swarm.hold(Array.from({ length: swarm.map.runs }, (_, run) => run))
  gate.resolve()
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(swarm.complete)
  await peer.exchange.stop()
})

test('a damaged node is fetched again', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  await peer.nodes.put(IMAGE.nodes)
  const damaged = new Set(IMAGE.nodes.map(({ digest }) => digestKey(digest)))
  const { get, delete: remove } = peer.nodes
  peer.nodes.get = async (digests) => {
    if (digests.some((digest) => damaged.has(digestKey(digest)))) throw new IntegrityError('damaged')
    return get.call(peer.nodes, digests)
  }
  peer.nodes.delete = async (digests) => {
    for (const digest of digests) damaged.delete(digestKey(digest))
    await remove.call(peer.nodes, digests)
  }
  const session = openAt(peer)
  session.learn([origin.address])
  assert.ok((await session.run()).complete)
  assert.is(damaged.size, 0)
  await Promise.all([peer.exchange.stop(), origin.exchange.stop()])
})

for (const error of [new IntegrityError('damaged'), new NotFoundError('segment is not here')]) {
  test(`a ${error.name} of the local store is not blamed on the peer`, async () => {
    const network = new MemoryNetwork()
    const blocks = new MemoryStore()
    const peer = await startPeer(network, 'peer', { blocks })
    const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
    const has = blocks.has.bind(blocks)
    let planned = false
    blocks.has = async (digests) => {
      if (planned) throw error
      planned = true
      return has(digests)
    }
    const session = openAt(peer)
    session.learn([origin.address])
    assert.is(await codeOf(session.run()), error.code)
    assert.equal(session.banned, [])
    assert.is(peer.exchange.peers().length, 1)
    await Promise.all([peer.exchange.stop(), origin.exchange.stop()])
  })
}

test.run()
