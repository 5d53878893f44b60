import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import { CheckedParts } from '../../src/store/checked-parts.ts'
import { noise } from '../fixtures/noise.ts'

const test = suite('checksums of parts')
const block = Buffer.from(noise('block', 60_000))
const digest = digestOf(block)

test('a part is known after its block, at its place alone', () => {
  const parts = new CheckedParts()
  const { start, end } = parts.around({ start: 20_000, end: 33_000 }, block.length)
  assert.equal([start, end], [16_384, 49_152])
  const bytes = block.subarray(start, end)
  assert.not(parts.isSame(digest, start, bytes))
  parts.add(digest, block)
  assert.ok(parts.isSame(digest, start, bytes))
  assert.not(parts.isSame(digest, 0, bytes))
  assert.not(parts.isSame(digestOf(bytes), start, bytes))
  assert.ok(parts.isSame(digest, 49_152, block.subarray(49_152)))
  assert.not(parts.isSame(digest, 49_152, block.subarray(49_152, 50_000)))
})

test('every changed bit shows', () => {
  const parts = new CheckedParts()
  parts.add(digest, block)
  for (let at = 0; at < 16_384; at += 511) {
    const bytes = Buffer.from(block.subarray(0, 16_384))
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    assert.not(parts.isSame(digest, 0, bytes))
  }
})

test.run()
