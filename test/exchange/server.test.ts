import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockStore } from '../../src/core/blockstore.ts'
import { type Digest, type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import { IntegrityError, StorageError } from '../../src/core/errors.ts'
import { EXCHANGE_MANIFESTS_MAX } from '../../src/core/limits.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('server')
const IMAGE = swarmImage([1, 2, 3])

async function setUp(blocks: BlockStore = new MemoryStore(), damaged?: (manifest: ManifestId) => void) {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const server = await startPeer(network, 'server', {
    holds: IMAGE,
    clock,
    blocks,
    ...(damaged && { damaged }),
  })
  const connection = connectByHand(network, clock, { from: 'peer', to: 'server' })
  /** What becomes of an answer, after enough time for it. */
  const outcome = async (answer: Promise<unknown>): Promise<string> => {
    const settled = answer.then(
      () => 'ok',
      (error: { code?: string }) => String(error.code),
    )
    for (let i = 0; i < 10; i++) await clock.advance(1)
    return settled
  }
  return { clock, server, connection, outcome }
}

const WANT = { id: 1, run: 0, missing: new Uint8Array([1]) }

test('a damaged run is refused and not served any more; the channel and the other runs stay', async () => {
  const blocks = new MemoryStore()
  const { server, connection, outcome } = await setUp(blocks)
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  const get = blocks.get.bind(blocks)
  blocks.get = async () => {
    throw new IntegrityError('a pack does not hold what its index says')
  }
  assert.is(await outcome(connection.want(WANT).answer), 'E_NOT_FOUND')
  blocks.get = get
  assert.is(await outcome(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.is(server.exchange.swarm(IMAGE.id)?.have.has(0), false)
  assert.is(await outcome(connection.node(1, parseManifestId(IMAGE.id))), 'ok')
  assert.is(connection.closed, false)
  await server.exchange.stop()
})

/** Whoever reads any of these blocks finds them damaged, for as long as the store has them. */
function damage(store: Pick<BlockStore, 'get' | 'has'>, damaged: readonly Digest[]): void {
  const get = store.get.bind(store)
  store.get = async (digests) => {
    const isDamaged = (digest: Digest) => damaged.some((one) => Buffer.compare(digest, one) === 0)
    const held = await store.has(digests)
    if (digests.some((digest, i) => isDamaged(digest) && held[i] === true))
      throw new IntegrityError('a pack does not hold what its index says')
    return await get(digests)
  }
}

test('damaged blocks of a run leave the store, are counted and told; those beside them stay', async () => {
  const blocks = new MemoryStore()
  const damaged: string[] = []
  const { server, connection, outcome } = await setUp(blocks, (manifest) => damaged.push(manifest))
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  const [bad, good] = IMAGE.blocks
  assert.ok(bad && good)
  damage(blocks, [bad.digest])
  assert.is(await outcome(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.equal(await blocks.has([bad.digest, good.digest]), [false, true])
  assert.is(server.exchange.serving.damagedBlocks, 1)
  assert.equal(damaged, [IMAGE.id])
  assert.is(server.exchange.swarm(IMAGE.id)?.have.has(0), false)
  await server.exchange.stop()
})

test('a damaged block that is asked for by digest leaves the store, and the others are given from then on', async () => {
  const blocks = new MemoryStore()
  const damaged: string[] = []
  const { server, connection, outcome } = await setUp(blocks, (manifest) => damaged.push(manifest))
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  const [bad, good] = IMAGE.blocks
  assert.ok(bad && good)
  const foreign = swarmImage([9]).blocks[0]
  assert.ok(foreign)
  await blocks.put([foreign])
  damage(blocks, [bad.digest, foreign.digest])
  const want = { id: 1, digests: [bad.digest, good.digest, foreign.digest] }
  assert.is(await outcome(connection.wantDigests(want).answer), 'E_NOT_FOUND')
  assert.equal(
    await blocks.has(want.digests),
    [false, true, true],
    'what is of another image is not looked at',
  )
  assert.is(server.exchange.serving.damagedBlocks, 1)
  assert.equal(damaged, [IMAGE.id])
  assert.is(await outcome(connection.wantDigests(want).answer), 'ok')
  await server.exchange.stop()
})

test('a damaged segment leaves the store, and is told', async () => {
  const damaged: string[] = []
  const { server, connection, outcome } = await setUp(undefined, (manifest) => damaged.push(manifest))
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  const { nodes, exchange } = server
  const link = exchange.swarm(IMAGE.id)?.manifest.segments[0]
  assert.ok(link)
  damage(nodes, [link.digest])
  assert.is(await outcome(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.equal(await nodes.has([link.digest, parseManifestId(IMAGE.id)]), [false, true])
  assert.is(exchange.serving.damagedBlocks, 1)
  assert.equal(damaged, [IMAGE.id])
  await exchange.stop()
})

test('a store that fails once serves again later', async () => {
  const blocks = new MemoryStore()
  const { server, connection, outcome } = await setUp(blocks)
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  const get = blocks.get.bind(blocks)
  blocks.get = async () => {
    throw new StorageError('cannot read')
  }
  assert.is(await outcome(connection.want(WANT).answer), 'E_NOT_FOUND')
  blocks.get = get
  assert.is(await outcome(connection.want(WANT).answer), 'ok')
  await server.exchange.stop()
})

test('a damaged node is answered as one that is not held', async () => {
  const { server, connection, outcome } = await setUp()
  assert.is(await outcome(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'ok')
  server.nodes.get = async () => {
    throw new IntegrityError('a stored block is damaged')
  }
  assert.is(await outcome(connection.node(1, parseManifestId(IMAGE.id))), 'E_NOT_FOUND')
  assert.is(connection.closed, false)
  await server.exchange.stop()
})

test('refusals are counted, and forgiven with time', async () => {
  const { clock, server, connection, outcome } = await setUp()
  const refused = () => outcome(connection.open(IMAGE.id, testGrant('somebody else', IMAGE.id)))
  for (let i = 0; i < EXCHANGE_MANIFESTS_MAX; i++) assert.is(await refused(), 'E_GRANT')
  await clock.advance(2000)
  assert.is(await refused(), 'E_GRANT')
  for (let i = 0; i < 4 && !connection.closed; i++) await refused()
  assert.ok(connection.closed, 'too many at once')
  await server.exchange.stop()
})

test.run()
