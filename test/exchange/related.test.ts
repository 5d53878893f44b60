import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import {
  type SwarmImage,
  startPeer,
  swarmImage,
  type TestPeer,
  testGrant,
} from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('related images')
const alive = setInterval(() => {}, 1000)
test.after(() => clearInterval(alive))

const seeds = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
/** Blocks that both have lie in other runs and segments. */
const OLD = swarmImage(seeds(0, 300))
const NEXT = swarmImage([...seeds(500, 530), ...seeds(7, 300)])

interface Pulled {
  readonly node: TestPeer
  readonly wireFromOrigin: number
  readonly wireFromPeers: number
  readonly banned: readonly string[]
}

/** A store that gives nothing before `until`, however fast the machine is. */
function waitingStore(until: Promise<void>): MemoryStore {
  const store = new MemoryStore()
  const get = store.get.bind(store)
  store.get = async (digests) => {
    await until
    return await get(digests)
  }
  return store
}

/** A store, and when it has given so many bytes. */
function countingStore(bytes: number): { store: MemoryStore; given: Promise<void> } {
  const store = new MemoryStore()
  const get = store.get.bind(store)
  const given = Promise.withResolvers<void>()
  let left = bytes
  store.get = async (digests) => {
    const frames = await get(digests)
    for (const frame of frames) left -= frame?.bytes.length ?? 0
    if (left <= 0) given.resolve()
    return frames
  }
  return { store, given: given.promise }
}

/** A node that has nothing fetches NEXT from an origin and, by digest, from a peer that has OLD in `blocks`. */
async function pull(blocks: MemoryStore, originBlocks = new MemoryStore()): Promise<Pulled> {
  const network = new MemoryNetwork()
  const node = await startPeer(network, 'node')
  const peer = await startPeer(network, 'peer', { holds: OLD, blocks })
  const session = node.exchange.openSession({
    manifest: NEXT.id,
    grant: testGrant(node.address.peer, NEXT.id),
  })
  const grant = testGrant(node.address.peer, OLD.id)
  session.learnRelated({ manifest: OLD.id, grant, peers: [peer.address] })
  while (peer.exchange.peers().length === 0 || peer.exchange.grants().length === 0)
    await new Promise((resolve) => setTimeout(resolve, 1))
  const origin = await startPeer(network, 'origin', { origin: true, holds: NEXT, blocks: originBlocks })
  session.learn([origin.address])
  assert.ok((await session.run()).complete)
  node.exchange.closeSession(session)
  assert.not((await node.blocks.has(NEXT.blocks.map(({ digest }) => digest))).includes(false))
  const { wireFromOrigin, wireFromPeers } = session.stats.bytes
  await Promise.all([node, peer, origin].map(({ exchange }) => exchange.stop()))
  return { node, wireFromOrigin, wireFromPeers, banned: session.banned }
}

test('blocks that a peer has of another image come from it, and the rest from the origin', async () => {
  const bytesOf = (image: SwarmImage, from: number) =>
    image.blocks.slice(from).reduce((sum, { bytes }) => sum + bytes.length, 0)
  const shared = bytesOf(NEXT, 30)
  const peer = countingStore(shared / 2)
  const { wireFromOrigin, wireFromPeers } = await pull(peer.store, waitingStore(peer.given))
  const all = bytesOf(NEXT, 0)
  assert.is(wireFromOrigin + wireFromPeers, all)
  assert.ok(wireFromPeers > 0.3 * shared, `only ${wireFromPeers} of ${all} bytes came from the peer`)
})

test('a peer of another image that sends wrong blocks is not believed nor asked again', async () => {
  const lying = new MemoryStore()
  const get = lying.get.bind(lying)
  lying.get = async (digests) =>
    (await get(digests)).map((frame) => {
      if (frame === undefined) return undefined
      const bytes = frame.bytes.slice()
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return { ...frame, bytes }
    })
  const { wireFromOrigin } = await pull(lying)
  assert.ok(wireFromOrigin > 0)
})

test('a peer that has lost what it had is asked once, and the origin gives it', async () => {
  const empty = new MemoryStore()
  const get = empty.get.bind(empty)
  empty.get = async (digests) => (await get(digests)).map(() => undefined)
  const { wireFromPeers } = await pull(empty)
  assert.is(wireFromPeers, 0)
})

test('peers of an image that is whole here are not asked: each run would be looked for there in vain', async () => {
  const network = new MemoryNetwork()
  const node = await startPeer(network, 'node', { holds: OLD })
  const peer = await startPeer(network, 'peer', { holds: OLD })
  const origin = await startPeer(network, 'origin', { origin: true, holds: NEXT })
  const session = node.exchange.openSession({
    manifest: NEXT.id,
    grant: testGrant(node.address.peer, NEXT.id),
  })
  const grant = testGrant(node.address.peer, OLD.id)
  session.learnRelated({ manifest: OLD.id, grant, peers: [peer.address] })
  session.learn([origin.address])
  assert.ok((await session.run()).complete)
  assert.equal(peer.exchange.peers(), [])
  await Promise.all([node, peer, origin].map(({ exchange }) => exchange.stop()))
})

test('by digest a peer gives what is in the manifest of the grant, and nothing else that it has', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const blocks = new MemoryStore()
  const secret = swarmImage(seeds(900, 910))
  await blocks.put(secret.blocks)
  const server = await startPeer(network, 'server', { holds: OLD, clock, blocks })
  const connection = connectByHand(network, clock, { from: 'peer', to: 'server' })
  const settled = async <T>(answer: Promise<T>): Promise<T | string> => {
    const outcome = answer.catch((error: { code?: string }) => String(error.code))
    let done = false
    void outcome.then(() => (done = true))
    while (!done) {
      await clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return await outcome
  }
  await settled(connection.open(OLD.id, testGrant('peer', OLD.id)))
  const digests = [secret.blocks[0], OLD.blocks[5], secret.blocks[1], OLD.blocks[250]].map(
    (frame) => frame?.digest ?? new Uint8Array(32),
  )
  const answer = await settled(connection.wantDigests({ id: 1, digests }).answer)
  if (typeof answer === 'string') throw new TypeError(answer)
  assert.equal(
    answer.entries.map(({ index }) => index),
    [1, 3],
  )
  const none = connection.wantDigests({ id: 1, digests: [digests[0] as Uint8Array] }).answer
  assert.is(await settled(none), 'E_NOT_FOUND')
  assert.is(await settled(connection.wantDigests({ id: 9, digests }).answer), 'E_NOT_FOUND')
  await server.exchange.stop()
})

test.run()
