import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestKey } from '../../src/core/cid.ts'
import { FramePool } from '../../src/store/frame-pool.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { VerifyingStore } from '../../src/store/verifying-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'
import { digestsOf, frameOf, framesOf } from '../fixtures/blocks.ts'
import { failsWith } from '../fixtures/pack-dir.ts'

testBlockStore('verifying store', async () => {
  const frames = new FramePool({ workers: 1 })
  return { store: new VerifyingStore({ store: new MemoryStore(), frames }), close: () => frames.close() }
})

const test = suite('verifying store')
const frames = new FramePool({ workers: 1 })
test.after(() => frames.close())

test('stores nothing of a batch with a wrong frame', async () => {
  const inner = new MemoryStore()
  const store = new VerifyingStore({ store: inner, frames })
  const wrong = { ...frameOf(1), digest: frameOf(2).digest }
  const error = await failsWith('E_INTEGRITY', store.put([...framesOf(5, { first: 10 }), wrong]))
  assert.equal(error.data['digests'], [digestKey(wrong.digest)])
  assert.is((await inner.stat()).blocks, 0)
})

test('does not give a corrupt block', async () => {
  const inner = new MemoryStore()
  const store = new VerifyingStore({ store: inner, frames })
  const good = framesOf(3)
  await inner.put([...good, { ...frameOf(8), digest: frameOf(9).digest }])
  assert.is((await store.get(digestsOf(good))).length, 3)
  await failsWith('E_INTEGRITY', store.get([frameOf(9).digest]))
})

test.run()
