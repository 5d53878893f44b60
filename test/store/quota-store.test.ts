import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { QuotaStore } from '../../src/store/quota-store.ts'
import { testBlockStore } from '../conformance/blockstore.ts'
import { digestsOf, framesOf } from '../fixtures/blocks.ts'
import { failsWith } from '../fixtures/pack-dir.ts'

testBlockStore('quota store', async () => {
  const store = new QuotaStore({ store: new MemoryStore() }, { storedBytesMax: 1e9 })
  return { store, close: async () => {} }
})

const test = suite('quota store')

const frames = framesOf(10)
const bytesOf = (from: number, to: number) =>
  frames.slice(from, to).reduce((sum, { bytes }) => sum + bytes.length, 0)

test('takes blocks up to its quota and refuses the batch that goes past it', async () => {
  const store = new QuotaStore({ store: new MemoryStore() }, { storedBytesMax: bytesOf(0, 6) })
  await store.put(frames.slice(0, 5))
  const error = await failsWith('E_QUOTA', store.put(frames.slice(5)))
  assert.is(error.data['storedBytes'], bytesOf(0, 5))
  assert.is((await store.stat()).blocks, 5)
  await store.put(frames.slice(5, 6))
  assert.is((await store.stat()).storedBytes, bytesOf(0, 6))
})

test('counts no block twice, and gives room back for what is deleted', async () => {
  const store = new QuotaStore({ store: new MemoryStore() }, { storedBytesMax: bytesOf(0, 5) })
  await store.put(frames.slice(0, 5))
  await store.put([...frames.slice(0, 5), ...frames.slice(0, 5)])
  await store.delete(digestsOf(frames.slice(0, 5)))
  const half = frames.slice(0, 4)
  await store.put([...half, ...half])
  assert.is((await store.stat()).blocks, 4)
})

test('lets two callers not share the same room', async () => {
  const store = new QuotaStore({ store: new MemoryStore() }, { storedBytesMax: bytesOf(0, 5) })
  const puts = await Promise.allSettled([store.put(frames.slice(0, 5)), store.put(frames.slice(5))])
  assert.equal(
    puts.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.ok((await store.stat()).storedBytes <= bytesOf(0, 5))
})

test('refuses nothing that fits, when batches with the same blocks come at once', async () => {
  const store = new QuotaStore({ store: new MemoryStore() }, { storedBytesMax: bytesOf(0, 6) })
  await Promise.all([0, 1, 0, 1].map((first) => store.put(frames.slice(first, first + 5))))
  assert.is((await store.stat()).blocks, 6)
})

test('lets batches that fit be stored at the same time', async () => {
  const inner = new MemoryStore()
  const gate = Promise.withResolvers<void>()
  let puts = 0
  inner.put = async () => {
    puts++
    await gate.promise
  }
  const store = new QuotaStore({ store: inner }, { storedBytesMax: 1e9 })
  const both = [store.put(frames.slice(0, 5)), store.put(frames.slice(5))]
  await new Promise((resolve) => setImmediate(resolve))
  assert.is(puts, 2)
  gate.resolve()
  await Promise.all(both)
})

test('says what to do about it', async () => {
  const init = { storedBytesMax: 1, advice: 'delete something' }
  const store = new QuotaStore({ store: new MemoryStore() }, init)
  const error = await failsWith('E_QUOTA', store.put(frames))
  assert.is(error.message, 'the store is at its limit: delete something')
})

test.run()
