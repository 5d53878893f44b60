import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { StorageError } from '../../src/core/errors.ts'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { FILL_PAUSE_MS, HEDGE_SLACK_MS } from '../../src/core/limits.ts'
import { runCount } from '../../src/core/manifest.ts'
import type { Session } from '../../src/exchange/session.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { blockBytes } from '../fixtures/blocks.ts'
import { startPeer, swarmImage, type TestPeer, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('reads on demand')
const BLOCK_BYTES = 64 * 1024
const IMAGE = swarmImage(
  Array.from({ length: 64 }, (_, i) => i),
  BLOCK_BYTES,
)
const BLOCKS_PER_RUN = 16
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

const GUEST = { class: 'guest' } as const

/** A store that counts what is asked of it, and waits for a gate before it gives blocks. */
class GatedStore extends MemoryStore {
  gets = 0
  given: number[] = []
  gate: Promise<void> = Promise.resolve()

  override async get(...of: Parameters<MemoryStore['get']>): ReturnType<MemoryStore['get']> {
    this.gets++
    this.given.push(of[0].length)
    await this.gate
    return super.get(...of)
  }
}

function openAt(
  { exchange, address }: TestPeer,
  manifest = IMAGE.id,
): { session: Session; stop: () => Promise<unknown> } {
  const grant = testGrant(address.peer, manifest)
  const session = exchange.openSession({ manifest, grant, class: 'background', onDemand: true })
  const ending = new AbortController()
  const done = session.run({ signal: ending.signal }).catch(() => {})
  return {
    session,
    stop: () => {
      ending.abort()
      return done
    },
  }
}

const heldAt = async ({ blocks }: TestPeer) =>
  (await blocks.has(IMAGE.blocks.map(({ digest }) => digest))).flatMap((held, i) => (held ? [i] : []))

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

const codeOf = (done: Promise<unknown>) =>
  done.then(
    () => 'ok',
    (error: { code?: string }) => error.code,
  )

test('brings exactly the blocks that are read, and tells what it holds', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const { session, stop } = openAt(peer)
  session.learn([origin.address])
  assert.is(await session.read({ run: 1, indices: [3, 4, 9] }, GUEST), 3 * BLOCK_BYTES)
  assert.equal(
    await heldAt(peer),
    [3, 4, 9].map((i) => BLOCKS_PER_RUN + i),
  )
  assert.is(await session.read({ run: 1, indices: [3] }, GUEST), 0)
  assert.is(session.stats.blocks.fetched, 3)
  const rest = Array.from({ length: BLOCKS_PER_RUN }, (_, i) => i)
  await session.read({ run: 1, indices: rest }, GUEST)
  assert.is(session.stats.blocks.fetched, BLOCKS_PER_RUN)
  await until(() => session.swarm?.have.has(1) === true)
  assert.is(session.swarm?.have.count, 1)
  await stop()
  await Promise.all([peer.exchange.stop(), origin.exchange.stop()])
})

test('a block is asked for once, however many wait for it', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  const blocks = new GatedStore()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE, blocks })
  const { session, stop } = openAt(peer)
  session.learn([origin.address])
  await session.opened()
  await until(() => session.planned)
  const { promise, resolve } = Promise.withResolvers<void>()
  blocks.gate = promise
  const reads = [session.read({ run: 0, indices: [0, 1] }, GUEST)]
  await until(() => blocks.gets > 0)
  reads.push(session.read({ run: 0, indices: [1, 2] }, GUEST), session.read({ run: 0, indices: [0] }, GUEST))
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  resolve()
  assert.equal(await Promise.all(reads), [2 * BLOCK_BYTES, BLOCK_BYTES, 0])
  assert.is(
    blocks.given.reduce((sum, some) => sum + some, 0),
    3,
  )
  await stop()
  await Promise.all([peer.exchange.stop(), origin.exchange.stop()])
})

test('waits while there is no source, and takes the next one', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  await peer.nodes.put(IMAGE.nodes)
  const { session, stop } = openAt(peer)
  let read: number | undefined
  const done = session.read({ run: 2, indices: [5] }, GUEST).then((bytes) => {
    read = bytes
  })
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  assert.is(read, undefined)
  const gone = await startPeer(network, 'gone', { origin: true, holds: IMAGE, blocks: new GatedStore() })
  ;(gone.blocks as GatedStore).gate = new Promise(() => {})
  session.learn([gone.address])
  await until(() => (gone.blocks as GatedStore).gets > 0)
  for (const address of [gone.address.peer])
    peer.exchange.dismiss(address, new StorageError('pulled the plug'))
  const other = await startPeer(network, 'other', { holds: IMAGE })
  session.learn([other.address])
  await done
  assert.is(read, BLOCK_BYTES)
  await stop()
  await Promise.all([peer, gone, other].map(({ exchange }) => exchange.stop()))
})

test('another peer is asked when one is slow', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer', { clock })
  await peer.nodes.put(IMAGE.nodes)
  const slow = await startPeer(network, 'slow', { holds: IMAGE, blocks: new GatedStore(), clock })
  ;(slow.blocks as GatedStore).gate = new Promise(() => {})
  const { session, stop } = openAt(peer)
  session.learn([slow.address])
  await clock.advance(10)
  const done = session.read({ run: 0, indices: [0] }, GUEST)
  await until(() => (slow.blocks as GatedStore).gets === 1)
  const quick = await startPeer(network, 'quick', { holds: IMAGE, blocks: new GatedStore(), clock })
  session.learn([quick.address])
  await until(() => session.peers === 2)
  await clock.advance(HEDGE_SLACK_MS / 2)
  assert.is((quick.blocks as GatedStore).gets, 0)
  await clock.advance(HEDGE_SLACK_MS)
  assert.is(await done, BLOCK_BYTES)
  await stop()
  await Promise.all([peer, slow, quick].map(({ exchange }) => exchange.stop()))
})

test('who sends wrong bytes is dropped, and nothing of it is kept', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  const lies = new MemoryStore()
  const liar = await startPeer(network, 'liar', { blocks: lies })
  const wrong = encodeFrame(blockBytes(999, BLOCK_BYTES))
  lies.get = async (digests) => digests.map((digest) => ({ ...wrong, digest }))
  await liar.nodes.put(IMAGE.nodes)
  liar.exchange.addSwarm(IMAGE.id, IMAGE.manifest, Bitmap.full(runCount(IMAGE.manifest)))
  const { session, stop } = openAt(peer)
  session.learn([liar.address])
  const done = session.read({ run: 3, indices: [1] }, GUEST)
  await until(() => session.banned.length === 1)
  assert.equal(await heldAt(peer), [])
  const honest = await startPeer(network, 'honest', { holds: IMAGE })
  session.learn([honest.address])
  assert.is(await done, BLOCK_BYTES)
  assert.equal(await heldAt(peer), [3 * BLOCKS_PER_RUN + 1])
  await stop()
  await Promise.all([peer, liar, honest].map(({ exchange }) => exchange.stop()))
})

test('ends with its signal, the session, or a store that fails', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  await peer.nodes.put(IMAGE.nodes)
  const { session, stop } = openAt(peer)
  const giving = new AbortController()
  const given = session.read({ run: 0, indices: [0] }, { ...GUEST, signal: giving.signal })
  const waits = session.read({ run: 0, indices: [0, 1] }, GUEST)
  await session.opened()
  giving.abort()
  assert.is(await codeOf(given), 'E_ABORTED')
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE })
  const put = peer.blocks.put.bind(peer.blocks)
  peer.blocks.put = async () => {
    throw new StorageError('broken')
  }
  session.learn([origin.address])
  assert.is(await codeOf(waits), 'E_STORAGE')
  peer.blocks.put = put
  assert.is(await codeOf(session.read({ run: 0, indices: [0] }, GUEST)), 'ok')
  origin.blocks.get = () => new Promise(() => {})
  const last = codeOf(session.read({ run: 1, indices: [0] }, GUEST))
  await stop()
  assert.is(await last, 'E_ABORTED')
  await Promise.all([peer, origin].map(({ exchange }) => exchange.stop()))
})

test('fills in the background what was not read, but not while a guest reads and shortly after', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer', { clock })
  await peer.nodes.put(IMAGE.nodes)
  const blocks = new GatedStore()
  const full = await startPeer(network, 'full', { holds: IMAGE, blocks, clock })
  const { session, stop } = openAt(peer)
  session.learn([full.address])
  await clock.advance(1000)
  assert.is(session.stats.blocks.fetched, 0)
  const { promise, resolve } = Promise.withResolvers<void>()
  blocks.gate = promise
  const read = session.read({ run: 0, indices: [0] }, GUEST)
  await clock.advance(10)
  session.fill(true)
  await clock.advance(HEDGE_SLACK_MS)
  assert.is(blocks.gets, 1)
  resolve()
  await clock.advance(10)
  assert.is(await read, BLOCK_BYTES)
  await clock.advance(FILL_PAUSE_MS / 2)
  assert.is(session.stats.blocks.fetched, 1)
  await clock.advance(FILL_PAUSE_MS + 1000)
  assert.is(session.stats.blocks.fetched, 64)
  assert.is(session.swarm?.complete, true)
  assert.is(session.stats.bytes.duplicate, 0)
  await stop()
  await Promise.all([peer, full].map(({ exchange }) => exchange.stop()))
})

test('two that wait for what only the other has tell it, and fill goes on without what nobody has', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const names = ['one', 'other']
  const peers = await Promise.all(names.map((name) => startPeer(network, name, { clock })))
  for (const [i, { blocks, nodes }] of peers.entries()) {
    await nodes.put(IMAGE.nodes)
    // runs 0 and 1 here, 2 there, 3 nowhere
    const runs = i === 0 ? [0, 2] : [2, 3]
    await blocks.put(IMAGE.blocks.slice(...runs.map((run) => run * BLOCKS_PER_RUN)))
  }
  const sites = peers.map((peer) => openAt(peer))
  const reads = sites.flatMap(({ session }, i) => [
    session.read({ run: 2 - i * 2, indices: [5] }, GUEST),
    session.read({ run: 3, indices: [0] }, GUEST),
  ])
  const nowhere = reads.map((read) => codeOf(read))
  for (const { session } of sites) session.learn(peers.map(({ address }) => address))
  await clock.advance(FILL_PAUSE_MS + 5000)
  assert.equal(await Promise.all([reads[0], reads[2]]), [BLOCK_BYTES, BLOCK_BYTES])
  for (const { session } of sites) {
    assert.is(session.planned, true)
    session.fill(true)
  }
  await clock.advance(5000)
  for (const { session } of sites) assert.is(session.swarm?.have.count, 3)
  await Promise.all(sites.map(({ stop }) => stop()))
  assert.equal(await Promise.all(nowhere), ['ok', 'E_ABORTED', 'ok', 'E_ABORTED'])
  await Promise.all(peers.map(({ exchange }) => exchange.stop()))
})

test('a run that another read has made whole meanwhile stays told', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  await peer.nodes.put(IMAGE.nodes)
  await peer.blocks.put(IMAGE.blocks.filter((_, i) => i !== 5 && i !== 40))
  const full = await startPeer(network, 'full', { holds: IMAGE })
  const { session, stop } = openAt(peer)
  await until(() => session.planned)
  const has = peer.blocks.has.bind(peer.blocks)
  const gate = Promise.withResolvers<void>()
  peer.blocks.has = async (digests) => {
    peer.blocks.has = has
    const held = await has(digests)
    await gate.promise
    return held
  }
  const late = session.read({ run: 0, indices: [5] }, GUEST)
  await until(() => peer.blocks.has === has)
  session.learn([full.address])
  assert.is(await session.read({ run: 0, indices: [5] }, GUEST), BLOCK_BYTES)
  await until(() => session.swarm?.have.has(0) === true)
  gate.resolve()
  await late
  assert.is(session.swarm?.have.has(0), true)
  await stop()
  await Promise.all([peer, full].map(({ exchange }) => exchange.stop()))
})

test('a pull that is asked for takes a session on demand over', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  const full = await startPeer(network, 'full', { holds: IMAGE })
  const grant = testGrant(peer.address.peer, IMAGE.id)
  const session = peer.exchange.openSession({ manifest: IMAGE.id, grant, onDemand: true })
  const done = session.run()
  session.learn([full.address])
  await session.read({ run: 0, indices: [0] }, GUEST)
  assert.is(session.onDemand, true)
  session.demand()
  assert.is((await done).complete, true)
  assert.is(session.stats.blocks.fetched, 64)
  await Promise.all([peer, full].map(({ exchange }) => exchange.stop()))
})

test('of what boots will read each peer brings in a share, and gives it to the others', async () => {
  const network = new MemoryNetwork()
  const blocks = new GatedStore()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE, blocks })
  const peers = await Promise.all(['one', 'two', 'three'].map((name) => startPeer(network, name)))
  const opened = peers.map((peer) => openAt(peer))
  for (const [i, { session }] of opened.entries())
    session.learn([origin, ...peers].filter((peer) => peer !== peers[i]).map(({ address }) => address))
  await until(() => opened.every(({ session }) => session.peers === 3 && session.planned))
  const some = [0, 5, 10, 15]
  const reads = opened.flatMap(({ session }) =>
    [0, 1, 2, 3].map((run) => session.read({ run, indices: some }, { class: 'boot' })),
  )
  await Promise.all(reads)
  for (const peer of peers) assert.is((await heldAt(peer)).length, 16)
  assert.is(
    blocks.given.reduce((sum, each) => sum + each, 0),
    16,
  )
  await Promise.all(opened.map(({ stop }) => stop()))
  await Promise.all([origin, ...peers].map(({ exchange }) => exchange.stop()))
})

test('what is on its way to the peer whose share it is, others wait for, guests as well', async () => {
  const network = new MemoryNetwork()
  const blocks = new GatedStore()
  const gate = Promise.withResolvers<void>()
  blocks.gate = gate.promise
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE, blocks })
  const peers = await Promise.all(['one', 'two', 'three'].map((name) => startPeer(network, name)))
  for (const peer of peers) await peer.nodes.put(IMAGE.nodes)
  const opened = peers.map((peer) => openAt(peer))
  for (const [i, { session }] of opened.entries())
    session.learn([origin, ...peers].filter((peer) => peer !== peers[i]).map(({ address }) => address))
  await until(() => opened.every(({ session }) => session.peers === 3))
  const boots = opened.map(({ session }) => session.read({ run: 2, indices: [3] }, { class: 'boot' }))
  await until(() => blocks.gets > 0)
  const guests = opened.map(({ session }) => session.read({ run: 2, indices: [3] }, GUEST))
  // Longer than a request takes that finds nothing, and far less than a guest is patient.
  await new Promise((resolve) => setTimeout(resolve, HEDGE_SLACK_MS / 5))
  gate.resolve()
  await Promise.all([...boots, ...guests])
  assert.equal(blocks.given, [1])
  await Promise.all(opened.map(({ stop }) => stop()))
  await Promise.all([origin, ...peers].map(({ exchange }) => exchange.stop()))
})

test('of what two guests read the origin gives each block once, whoever reads it first', async () => {
  const network = new MemoryNetwork()
  const blocks = new GatedStore()
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE, blocks })
  const peers = await Promise.all(['one', 'two'].map((name) => startPeer(network, name)))
  const opened = peers.map((peer) => openAt(peer))
  for (const [i, { session }] of opened.entries())
    session.learn([origin, ...peers].filter((peer) => peer !== peers[i]).map(({ address }) => address))
  await until(() => opened.every(({ session }) => session.peers === 2 && session.planned))
  // One block of each part, so that nobody tells that a part is here.
  const places = [0, 1, 2, 3].flatMap((run) => [0, 4, 8, 12].map((index) => ({ run, indices: [index] })))
  for (const [i, wanted] of places.entries()) {
    const order = i % 2 === 0 ? opened : opened.toReversed()
    for (const { session } of order) assert.is(await session.read(wanted, GUEST), BLOCK_BYTES)
  }
  assert.equal(
    blocks.given,
    places.map(() => 1),
  )
  await Promise.all(opened.map(({ stop }) => stop()))
  await Promise.all([origin, ...peers].map(({ exchange }) => exchange.stop()))
})

test('the same of an image of whose segments they only have those that they read', async () => {
  const network = new MemoryNetwork()
  const blocks = new GatedStore()
  const seeds = Array.from({ length: 2500 }, (_, i) => i)
  const image = swarmImage(seeds, 4096)
  assert.ok(image.manifest.segments.length > 2)
  const origin = await startPeer(network, 'origin', { origin: true, holds: image, blocks })
  const peers = await Promise.all(['one', 'two'].map((name) => startPeer(network, name)))
  const opened = peers.map((peer) => openAt(peer, image.id))
  for (const [i, { session }] of opened.entries())
    session.learn([origin, ...peers].filter((peer) => peer !== peers[i]).map(({ address }) => address))
  await until(() => opened.every(({ session }) => session.peers === 2))
  const last = runCount(image.manifest) - 1
  for (const [i, run] of [0, last, 1, last - 1].entries()) {
    const order = i % 2 === 0 ? opened : opened.toReversed()
    for (const { session } of order) await session.read({ run, indices: [1] }, GUEST)
  }
  assert.equal(blocks.given, [1, 1, 1, 1])
  await Promise.all(opened.map(({ stop }) => stop()))
  await Promise.all([origin, ...peers].map(({ exchange }) => exchange.stop()))
})

test('a run that was damaged is told to nobody until it is whole again', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  await peer.blocks.put(IMAGE.blocks.slice(0, 40))
  await peer.nodes.put(IMAGE.nodes)
  const { session, stop } = openAt(peer)
  await session.opened()
  await until(() => session.planned)
  assert.is(session.swarm?.have.has(0), true)
  await peer.blocks.delete([IMAGE.blocks[7]?.digest ?? new Uint8Array(32)])
  session.lost(0)
  assert.is(session.swarm?.have.has(0), false)
  const full = await startPeer(network, 'full', { holds: IMAGE })
  session.learn([full.address])
  assert.is(await session.read({ run: 0, indices: [7] }, GUEST), BLOCK_BYTES)
  await until(() => session.swarm?.have.has(0) === true)
  assert.is(session.stats.blocks.fetched, 1)
  await stop()
  await Promise.all([peer, full].map(({ exchange }) => exchange.stop()))
})

test('a guest does not wait behind the background read that it joins', async () => {
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer')
  await peer.nodes.put(IMAGE.nodes)
  const rates = { upload: { backgroundBytesPerSecond: 1 } }
  const full = await startPeer(network, 'full', { holds: IMAGE, rates })
  const { session, stop } = openAt(peer)
  session.learn([full.address])
  await until(() => session.peers === 1)
  const runs = [0, 1, 2, 3]
  const indices = Array.from({ length: BLOCKS_PER_RUN }, (_, i) => i)
  const read = (of: 'background' | 'guest') =>
    Promise.all(runs.map((run) => session.read({ run, indices }, { class: of })))
  const hoarded = read('background')
  await until(() => full.exchange.serving.servedBytes.background > 0 && full.exchange.serving.waiting > 0)
  await read('guest')
  await hoarded
  assert.ok(full.exchange.serving.servedBytes.guest > 0)
  assert.is(session.stats.blocks.fetched, 64)
  await stop()
  await Promise.all([peer, full].map(({ exchange }) => exchange.stop()))
})

test.run()
