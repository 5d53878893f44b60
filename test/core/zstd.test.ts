import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BLOCK_BYTES_MAX } from '../../src/core/limits.ts'
import { openOpener, openPacker, packedRoom, zstdOpen, zstdPack, zstdPackInto } from '../../src/core/zstd.ts'
import { ZstdContext } from '../../src/core/zstd-context.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('zstd')

const same = (a: Uint8Array | undefined, b: Uint8Array) =>
  assert.is(Buffer.compare(a ?? Buffer.from('none'), b), 0)

test('contexts work with the Node.js that the project uses', () => {
  assert.instance(openPacker(), ZstdContext)
  assert.instance(openOpener(), ZstdContext)
})

test('every frame comes back, whatever came before it', () => {
  const block = fc.tuple(fc.integer({ min: 1, max: BLOCK_BYTES_MAX }), fc.integer({ min: 0, max: 64 }))
  fc.assert(
    fc.property(block, ([length, period]) => {
      const bytes =
        period === 0 ? noise(`${length}`, length) : Buffer.alloc(length, noise(`${length}`, period))
      same(zstdOpen(zstdPack(bytes), length), bytes)
    }),
    { numRuns: 100 },
  )
})

test('frames are made one after the other in memory of the caller, where they are smaller', () => {
  const blocks = [
    Buffer.alloc(9000, 'text'),
    noise('raw', 5000),
    Buffer.alloc(BLOCK_BYTES_MAX, 'more'),
    noise('b', 1),
  ]
  const target = new Uint8Array(new SharedArrayBuffer(packedRoom(BLOCK_BYTES_MAX) + 20_000)).fill(7)
  let at = 0
  for (const [i, block] of blocks.entries()) {
    const made = zstdPackInto(block, target, at)
    assert.is(made === undefined, i % 2 === 1)
    if (made === undefined) continue
    assert.ok(made < block.length)
    same(zstdOpen(target.slice(at, at + made), block.length), block)
    at += made
  }
})

test('bad frames leave no trace in the good ones after them', () => {
  const bytes = Buffer.alloc(10_000, 'some text that is packed well')
  const frame = zstdPack(bytes)
  const bad = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.nat(frame.length - 1).map((length) => frame.subarray(0, length)),
    fc.tuple(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
      const damaged = frame.slice()
      damaged[at] = (damaged[at] ?? 0) ^ flip
      return damaged
    }),
  )
  fc.assert(
    fc.property(bad, fc.integer({ min: 1, max: 20_000 }), (hostile, bytesMax) => {
      const opened = zstdOpen(hostile, bytesMax)
      assert.ok(opened === undefined || opened.length <= bytesMax)
      same(zstdOpen(frame, bytes.length), bytes)
    }),
    { numRuns: 1000 },
  )
})

test('opens no more than it is asked to, and exactly one frame', () => {
  const bytes = Buffer.alloc(5000, 'x')
  const frame = zstdPack(bytes)
  assert.is(zstdOpen(frame, 4999), undefined)
  assert.is(zstdOpen(Buffer.concat([frame, frame]), 10_000), undefined)
  assert.is(zstdOpen(Buffer.concat([frame, Buffer.from([0])]), 5000), undefined)
  assert.is(zstdOpen(frame.subarray(0, -1), 5000), undefined)
  assert.is(zstdOpen(new Uint8Array(), 5000), undefined)
  assert.is(zstdOpen(zstdCompressSync(Buffer.alloc(1 << 28)), BLOCK_BYTES_MAX), undefined)
  same(zstdOpen(frame, 5000), bytes)
})

test('a context is not taken where streams have another inside', () => {
  const none = { outputBytes: 10, works: () => true }
  assert.is(
    ZstdContext.open({ ...none, make: () => ({}), works: (c) => c.run(new Uint8Array(1), 5) !== undefined }),
    undefined,
  )
  assert.is(ZstdContext.open({ ...none, make: () => ({}), works: () => false }), undefined)
})

test.run()
