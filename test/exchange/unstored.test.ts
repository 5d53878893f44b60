import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { StorageFullError } from '../../src/core/errors.ts'
import { encodeFrame } from '../../src/core/frame-codec.ts'
import { Unstored, type UnstoredFrames } from '../../src/exchange/unstored.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { blockBytes } from '../fixtures/blocks.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('what a full store could not take')
const GUEST = { class: 'guest' } as const
const RUN_BLOCKS = Array.from({ length: 16 }, (_, i) => i)
const RUNS = [0, 1, 2, 3, 4, 5, 6, 7]
const IMAGE = swarmImage(Array.from({ length: RUNS.length * RUN_BLOCKS.length }, (_, i) => i))

class SmallStore extends MemoryStore {
  room = Number.POSITIVE_INFINITY

  override async put(...of: Parameters<MemoryStore['put']>): Promise<void> {
    if (of[0].length > this.room) throw new StorageFullError('no space left')
    this.room -= of[0].length
    await super.put(...of)
  }
}

/** One frame of a buffer of so many bytes. */
function unstored(seed: number, bytes: number, store: () => Promise<number>): UnstoredFrames {
  const frame = encodeFrame(blockBytes(seed, 1024))
  return { frames: [{ ...frame, bytes: new Uint8Array(new ArrayBuffer(bytes), 0, 10) }], store }
}

test('it is kept within a bound, stored once for all who call, and what finds no room stays', async () => {
  const kept = new Unstored({ bytesMax: 300 })
  const stored: number[] = []
  let room = 0
  const store = (seed: number) => async () => {
    if (stored.length >= room) throw new StorageFullError('no space left')
    stored.push(seed)
    return 1000
  }
  for (const seed of [1, 2, 3, 4]) kept.keep(unstored(seed, 100, store(seed)))
  assert.is(kept.bytes, 300)
  assert.is((await failureOf(kept.store())).code, 'E_STORAGE_FULL')
  assert.is(kept.bytes, 300)
  room = 1
  assert.is((await failureOf(kept.store())).code, 'E_STORAGE_FULL')
  assert.is(kept.bytes, 200)
  room = 9
  assert.equal(await Promise.all([kept.store(), kept.store()]), [2000, 0])
  assert.equal(stored, [1, 2, 3])
  assert.equal([kept.bytes, await kept.store()], [0, 0])
})

test('reads of a full store are not asked for again and again, and go on at once when there is room', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const blocks = new SmallStore()
  const peer = await startPeer(network, 'peer', { clock, blocks })
  await peer.nodes.put(IMAGE.nodes)
  const origin = await startPeer(network, 'origin', { origin: true, holds: IMAGE, clock })
  const grant = testGrant(peer.address.peer, IMAGE.id)
  const session = peer.exchange.openSession({
    ...{ manifest: IMAGE.id, grant, class: 'background', onDemand: true },
  })
  const ending = new AbortController()
  const done = session.run({ signal: ending.signal }).catch(() => {})
  session.learn([origin.address])
  await clock.advance(1000)
  const read = () => Promise.allSettled(RUNS.map((run) => session.read({ run, indices: RUN_BLOCKS }, GUEST)))
  const tried = async () => {
    const reads = read()
    await clock.advance(1000)
    const outcomes = await reads
    return outcomes.map((of) => (of.status === 'fulfilled' ? of.value : of.reason.code))
  }
  blocks.room = 20
  assert.ok((await tried()).includes('E_STORAGE_FULL'))
  const sent = origin.exchange.serving.servedBytes.guest
  for (let i = 0; i < 5; i++) assert.ok((await tried()).includes('E_STORAGE_FULL'))
  assert.is(origin.exchange.serving.servedBytes.guest, sent, 'nobody is asked while nothing can be stored')

  blocks.room = Number.POSITIVE_INFINITY
  const outcomes = await tried()
  assert.ok(outcomes.every((of) => typeof of === 'number'))
  assert.is((await blocks.stat()).blocks, IMAGE.blocks.length)
  assert.is(session.stats.blocks.fetched, IMAGE.blocks.length)
  assert.is(session.stats.bytes.duplicate, 0)
  const { servedBytes } = origin.exchange.serving
  const served = Object.values(servedBytes).reduce((sum, bytes) => sum + bytes, 0)
  assert.ok(served < IMAGE.blocks.length * 64 * 1024 * 1.01, 'each block was given once')
  ending.abort()
  await done
  await Promise.all([peer, origin].map(({ exchange }) => exchange.stop()))
})

test.run()
