import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockCache } from '../../../node/disk/block-cache.ts'
import { digestOf } from '../../../src/core/cid.ts'
import { blockBytes } from '../../fixtures/blocks.ts'

const test = suite('cache of inflated blocks')

const BYTES = 200_000
const MiB = 1024 * 1024

/** Blocks of which five fit into a slab. */
function sampleBlocks(count: number) {
  const blocks = Array.from({ length: count }, (_, seed) => Buffer.from(blockBytes(seed, BYTES)))
  const digests = blocks.map(digestOf)
  const cache = new BlockCache({ bytesMax: 4 * MiB })
  const add = (i: number) => cache.add(digests[i] ?? new Uint8Array(), blocks[i] ?? new Uint8Array())
  /** Whether it is there; a wrong one is a failure. */
  const has = (i: number) => {
    const found = cache.get(digests[i] ?? new Uint8Array())
    if (found !== undefined) assert.is(Buffer.compare(found, blocks[i] ?? new Uint8Array()), 0)
    return found !== undefined
  }
  return { cache, add, has, blocks }
}

test('keeps what was added last within its bytes', () => {
  const { cache, add, has } = sampleBlocks(40)
  for (let i = 0; i < 40; i++) {
    add(i)
    assert.ok(has(i))
    assert.ok(cache.bytes <= 4 * MiB)
  }
  const held = Array.from({ length: 40 }, (_, i) => has(i))
  assert.ok(!held[0] && held[39])
  assert.ok(held.filter(Boolean).length >= 15)
})

test('what is read again and again stays', () => {
  const { add, has } = sampleBlocks(40)
  for (let i = 0; i < 40; i++) {
    add(i)
    assert.ok(has(0), `after ${i}`)
  }
})

test('takes memory for what it holds, and a copy of what it is given', () => {
  const { cache, add, has, blocks } = sampleBlocks(2)
  assert.is(cache.bytes, 0)
  add(0)
  add(0)
  assert.is(cache.bytes, MiB)
  const before = Buffer.from(blocks[0] ?? [])
  blocks[0]?.fill(0)
  assert.is(Buffer.compare(cache.get(digestOf(before)) ?? before.subarray(1), before), 0)
  assert.not(has(1))
})

test('opens so many at a time', async () => {
  const { cache } = sampleBlocks(0)
  let running = 0
  let most = 0
  const open = async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
  }
  await Promise.all(Array.from({ length: 100 }, () => cache.inTurn(open)))
  assert.is(most, 8)
})

test.run()
