import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BlockCache } from '../../../node/disk/block-cache.ts'
import { digestOf } from '../../../src/core/cid.ts'
import { StateError } from '../../../src/core/errors.ts'
import type { Lease } from '../../../src/util/lease.ts'
import { blockBytes } from '../../fixtures/blocks.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('cache of inflated blocks')

const BYTES = 200_000
const MiB = 1024 * 1024

/** Blocks of which five fit into a slab. */
function sampleBlocks(count: number) {
  const blocks = Array.from({ length: count }, (_, seed) => Buffer.from(blockBytes(seed, BYTES)))
  const digests = blocks.map(digestOf)
  const clock = new FakeClock()
  const cache = new BlockCache({ clock }, { bytesMax: 4 * MiB })
  const add = (i: number) => cache.add(digests[i] ?? new Uint8Array(), blocks[i] ?? new Uint8Array())
  /** Whether it is there; a wrong one is a failure. */
  const has = (i: number) => {
    const found = cache.get(digests[i] ?? new Uint8Array())
    if (found !== undefined) assert.is(Buffer.compare(found, blocks[i] ?? new Uint8Array()), 0)
    return found !== undefined
  }
  return { cache, clock, add, has, blocks }
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

test('opens so many at a time, until their memory is given back', async () => {
  const { cache, clock } = sampleBlocks(0)
  const leases: Lease[] = []
  const open = async () => {
    const memory = cache.lease()
    leases.push(memory)
    return { opened: leases.length, memory }
  }
  const opened = Array.from({ length: 20 }, () => cache.inTurn(open))
  await Promise.all(opened.slice(0, 8))
  assert.is(leases.length, 8)
  for (const lease of leases.slice(0, 2)) lease.release()
  await Promise.all(opened.slice(8, 10))
  assert.is(leases.length, 10)
  await clock.advance(20)
  await Promise.all(opened.slice(10, 18))
  assert.is(leases.length, 18)
  await clock.advance(20)
  assert.equal(
    await Promise.all(opened),
    [...Array(20).keys()].map((i) => i + 1),
  )
})

test('what lacks something, or fails, makes room at once', async () => {
  const { cache } = sampleBlocks(0)
  let failed = 0
  const open = async (i: number) => {
    if (i % 2 === 0) throw new StateError('no')
    return { opened: i, memory: undefined }
  }
  const count = (error: { code?: string }) => {
    if (error.code === 'E_STATE') failed++
  }
  await Promise.all(Array.from({ length: 50 }, (_, i) => cache.inTurn(() => open(i)).catch(count)))
  assert.is(failed, 25)
})

test.run()
