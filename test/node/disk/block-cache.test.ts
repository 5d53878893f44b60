import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockCache } from '../../../node/disk/block-cache.ts'
import { digestOf } from '../../../src/core/cid.ts'
import { blockBytes } from '../../fixtures/blocks.ts'

const test = suite('cache of inflated blocks')

test('keeps what was used last within its bytes', () => {
  const cache = new BlockCache({ bytesMax: 10_000 })
  const blocks = [1, 2, 3, 4].map((seed) => blockBytes(seed, 4000))
  const digests = blocks.map(digestOf)
  const at = (i: number) => digests[i] ?? new Uint8Array()
  blocks.slice(0, 2).forEach((block, i) => void cache.add(at(i), block))
  assert.ok(cache.get(at(0)))
  cache.add(at(2), blocks[2] ?? new Uint8Array())
  assert.is(cache.get(at(1)), undefined)
  assert.equal(cache.get(at(0)), blocks[0])
  assert.is(cache.bytes, 8000)
  cache.add(at(0), blocks[0] ?? new Uint8Array())
  assert.is(cache.bytes, 8000)
})

test('does not keep the memory that a block shares with others', () => {
  const cache = new BlockCache()
  const shared = blockBytes(1, 100_000)
  const block = shared.subarray(5000, 9000)
  cache.add(digestOf(block), block)
  const kept = cache.get(digestOf(block))
  assert.equal(kept, block)
  assert.is(kept?.buffer.byteLength, 4000)
})

test('a block larger than all of it is not kept', () => {
  const cache = new BlockCache({ bytesMax: 1000 })
  const block = blockBytes(1, 4000)
  cache.add(digestOf(block), block)
  assert.is(cache.get(digestOf(block)), undefined)
  assert.is(cache.bytes, 0)
})

test.run()
