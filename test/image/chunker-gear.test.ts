import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GearChunker } from '../../src/image/chunker-gear.ts'
import { blocksOf, cutImage } from '../fixtures/cut-image.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('gear chunker')
const chunker = new GearChunker()
const zeros = (bytes: number) => Buffer.alloc(bytes)

test('blocks have 4 KiB to 256 KiB and about 16 KiB on average', () => {
  const spans = cutImage(chunker, noise('gear', 8 << 20))
  assert.ok(spans.slice(0, -1).every((span) => span >= 4096 && span <= 262_144))
  const average = (8 << 20) / spans.length
  assert.ok(average > 12_000 && average < 24_000, `average ${average}`)
})

test('the average is a parameter', () => {
  const spans = cutImage(new GearChunker({ avgBytes: 65_536 }), noise('gear', 8 << 20))
  const average = (8 << 20) / spans.length
  assert.ok(average > 45_000 && average < 100_000, `average ${average}`)
})

test('bytes put into the middle leave most blocks as they were', () => {
  const image = noise('gear', 2 << 20)
  const changed = Buffer.concat([image.subarray(0, 1_000_001), Buffer.from('new'), image.subarray(1_000_001)])
  const before = new Set(blocksOf(chunker, image))
  const shared = blocksOf(chunker, changed).filter((block) => before.has(block))
  assert.ok(shared.reduce((sum, block) => sum + block.length, 0) > 0.95 * image.length)
})

test('zero pages are spans only where they are pages of the image', () => {
  const head = noise('a', 5000)
  assert.equal(cutImage(chunker, Buffer.concat([head, zeros(3192 + 8192), head])), [8192, -8192, 5000])
  assert.equal(cutImage(chunker, zeros(10_000)), [-10_000])
  assert.equal(cutImage(chunker, Buffer.concat([noise('a', 4096), zeros(1)])), [4096, -1])
})

test('nothing but equal bytes is cut at the maximum', () => {
  const spans = cutImage(chunker, Buffer.alloc(600_000, 1))
  assert.ok(spans.every((span) => span <= 262_144))
})

test('the cuts do not depend on the sizes of the pieces', () => {
  const part = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 90_000 }))
  const pieces = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), pieces, (parts, pieceBytes) => {
      const image = Buffer.concat(parts.map(([zero, n], i) => (zero ? zeros(n) : noise(`g${i}`, n))))
      const spans = cutImage(chunker, image)
      assert.equal(cutImage(chunker, image, pieceBytes), spans)
      assert.is(
        spans.reduce((sum, span) => sum + Math.abs(span), 0),
        image.length,
      )
    }),
    { numRuns: 40 },
  )
})

test.run()
