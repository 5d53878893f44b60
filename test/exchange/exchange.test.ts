import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../src/core/clock.ts'
import { StorageFullError } from '../../src/core/errors.ts'
import type { Session } from '../../src/exchange/session.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { lyingStore } from '../../testnet/hostile/lying-store.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import {
  type SwarmImage,
  startPeer,
  swarmImage,
  type TestPeer,
  testGrant,
} from '../fixtures/exchange-peers.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('exchange')
const seeds = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)
const IMAGE = swarmImage(seeds(0, 200))

// Timers of the exchange do not keep a process alive; these tests have nothing else that does.
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

function open(peer: TestPeer, image: SwarmImage, from: readonly TestPeer[]): Session {
  const grant = testGrant(peer.address.peer, image.id)
  const session = peer.exchange.openSession({ manifest: image.id, grant })
  session.learn(from.map(({ address }) => address))
  return session
}

async function isWhole(peer: TestPeer, image: SwarmImage): Promise<boolean> {
  const blocks = await peer.blocks.has(image.blocks.map(({ digest }) => digest))
  const nodes = await peer.nodes.has(image.nodes.map(({ digest }) => digest))
  return [...blocks, ...nodes].every((held) => held)
}

async function stopAll(...peers: TestPeer[]): Promise<void> {
  await Promise.all(peers.map(({ exchange }) => exchange.stop()))
}

test('one peer fetches an image from the origin', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const peer = await startPeer(network, 'peer')
  const session = open(peer, IMAGE, [origin])
  const swarm = await session.run()
  assert.ok(swarm.complete)
  assert.ok(await isWhole(peer, IMAGE))
  const { blocks, bytes } = session.stats
  assert.equal(blocks, { total: 200, local: 0, seeded: 0, fetched: 200 })
  assert.is(bytes.fetchedUncompressed, 200 * 64 * 1024)
  assert.is(bytes.wireFromOrigin, origin.exchange.wireSentBytes)
  assert.is(bytes.wireFromPeers, 0)
  await stopAll(origin, peer)
})

test('eight peers fetch from each other; the origin sends little more than one copy', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const peers = await Promise.all(seeds(0, 8).map((i) => startPeer(network, `peer-${i}`)))
  const sessions = peers.map((peer) =>
    open(peer, IMAGE, [origin, ...peers.filter((other) => other !== peer)]),
  )
  await Promise.all(sessions.map((session) => session.run()))
  for (const peer of peers) assert.ok(await isWhole(peer, IMAGE))
  const one = IMAGE.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  assert.ok(origin.exchange.wireSentBytes <= 1.2 * one, `${origin.exchange.wireSentBytes / one} copies`)
  await stopAll(origin, ...peers)
})

test('blocks that another image brought are not fetched', async () => {
  const sibling = swarmImage([...seeds(0, 150), ...seeds(1000, 50)])
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: sibling })
  const peer = await startPeer(network, 'peer', { holds: IMAGE })
  const session = open(peer, sibling, [origin])
  await session.run()
  assert.ok(await isWhole(peer, sibling))
  assert.equal(session.stats.blocks, { total: 200, local: 150, seeded: 0, fetched: 50 })
  await stopAll(origin, peer)
})

test('a block that an image repeats is fetched once', async () => {
  const repeating = swarmImage([...seeds(0, 50), ...seeds(0, 50), 7, 7, 7])
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: repeating })
  const peer = await startPeer(network, 'peer')
  const session = open(peer, repeating, [origin])
  await session.run()
  assert.is(session.stats.blocks.fetched, 50)
  await stopAll(origin, peer)
})

test('an image of zeros and an empty one are complete at once', async () => {
  for (const image of [swarmImage([])]) {
    const network = new MemoryNetwork()
    const origin = await startPeer(network, 'origin', { origin: true, holds: image })
    const peer = await startPeer(network, 'peer')
    assert.ok((await open(peer, image, [origin]).run()).complete)
    await stopAll(origin, peer)
  }
})

test('a session resumes: what is here is not fetched again', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const blocks = new MemoryStore()
  await blocks.put(IMAGE.blocks.slice(0, 120))
  const peer = await startPeer(network, 'peer', { blocks })
  const session = open(peer, IMAGE, [origin])
  await session.run()
  assert.equal(session.stats.blocks, { total: 200, local: 120, seeded: 0, fetched: 80 })
  await stopAll(origin, peer)
})

test('peers finish from each other when the origin is gone', async () => {
  const network = new MemoryNetwork()
  const one = await startPeer(network, 'one', { blocks: new MemoryStore() })
  const two = await startPeer(network, 'two')
  await one.blocks.put(IMAGE.blocks.slice(0, 96))
  await two.blocks.put(IMAGE.blocks.slice(96))
  for (const peer of [one, two]) await peer.nodes.put(IMAGE.nodes)
  const sessions = [open(one, IMAGE, [two]), open(two, IMAGE, [one])]
  await Promise.all(sessions.map((session) => session.run()))
  assert.ok((await isWhole(one, IMAGE)) && (await isWhole(two, IMAGE)))
  await stopAll(one, two)
})

test('a peer that sends wrong bytes is dropped, and nothing wrong is stored', async () => {
  const network = new MemoryNetwork()
  const liar = await startPeer(network, 'liar', { holds: IMAGE, blocks: lyingStore(new MemoryStore()) })
  const honest = await startPeer(network, 'honest', { holds: IMAGE })
  const peer = await startPeer(network, 'peer')
  const session = open(peer, IMAGE, [liar])
  const done = session.run()
  while (session.banned.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(session.banned, ['liar'])
  assert.is((await peer.blocks.stat()).blocks, 0)
  session.learn([liar.address, honest.address])
  await done
  assert.ok(await isWhole(peer, IMAGE))
  for (const frame of await peer.blocks.get(IMAGE.blocks.map(({ digest }) => digest))) {
    assert.is(frame?.length, 64 * 1024)
  }
  assert.is(liar.exchange.peers().length, 0)
  await stopAll(liar, honest, peer)
})

test('a full disk ends the session with its error; the next one goes on', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const blocks = new MemoryStore()
  let room = 60
  const put = blocks.put.bind(blocks)
  blocks.put = async (frames) => {
    room -= frames.length
    if (room < 0) throw new StorageFullError('no space left')
    await put(frames)
  }
  const peer = await startPeer(network, 'peer', { blocks })
  const session = open(peer, IMAGE, [origin])
  try {
    await session.run()
    assert.unreachable()
  } catch (error) {
    assert.instance(error, StorageFullError)
  }
  peer.exchange.closeSession(session)
  const { blocks: kept } = await blocks.stat()
  room = 1000
  const again = open(peer, IMAGE, [origin])
  await again.run()
  assert.is(again.stats.blocks.local, kept)
  assert.ok(await isWhole(peer, IMAGE))
  await stopAll(origin, peer)
})

test('a stopped session rejects and leaves its peers', async () => {
  const network = new MemoryNetwork()
  const empty = await startPeer(network, 'empty')
  const peer = await startPeer(network, 'peer')
  const controller = new AbortController()
  const done = open(peer, IMAGE, [empty]).run({ signal: controller.signal })
  controller.abort()
  try {
    await done
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'E_ABORTED')
  }
  await stopAll(empty, peer)
})

test('a peer that claims to hold everything slows nobody for long', async () => {
  const network = new MemoryNetwork()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const liar = connectByHand(network, systemClock, { from: 'liar', to: 'origin' })
  await liar.hello()
  const { id, runs } = await liar.open(IMAGE.id, testGrant('liar', IMAGE.id))
  liar.have({ id, byOpener: true, runs: seeds(0, runs) })
  const peers = await Promise.all(seeds(0, 3).map((i) => startPeer(network, `peer-${i}`)))
  const sessions = peers.map((peer) => open(peer, IMAGE, [origin, ...peers.filter((p) => p !== peer)]))
  await Promise.all(sessions.map((session) => session.run()))
  for (const peer of peers) assert.ok(await isWhole(peer, IMAGE))
  await liar.close()
  await stopAll(origin, ...peers)
})

test.run()
