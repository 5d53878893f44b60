import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ByteRanges } from '../../../../node/disk/profile/byte-ranges.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const test = suite('ranges of bytes')

const range = (offset: number, length: number) => ({ offset, length })

test('gives back what was not there before, and joins what touches', () => {
  const ranges = new ByteRanges()
  assert.equal(ranges.add(range(10, 10)), [range(10, 10)])
  assert.equal(ranges.add(range(30, 10)), [range(30, 10)])
  assert.equal(ranges.add(range(12, 5)), [])
  assert.is(ranges.count, 2)
  assert.equal(ranges.add(range(5, 40)), [range(5, 5), range(20, 10), range(40, 5)])
  assert.is(ranges.count, 1)
  assert.equal(ranges.add(range(45, 5)), [range(45, 5)])
  assert.is(ranges.count, 1)
  assert.is(ranges.bytes, 45)
  assert.equal(ranges.add(range(100, 0)), [])
})

test('holds exactly the bytes that were added', () => {
  const random = seededRandom(3)
  const ranges = new ByteRanges()
  const bytes = new Uint8Array(2000)
  for (let i = 0; i < 500; i++) {
    const offset = Math.floor(random() * 1950)
    const length = Math.floor(random() ** 4 * 50)
    const held = bytes.subarray(offset, offset + length).reduce((sum, byte) => sum + byte, 0)
    assert.is(ranges.overlap({ offset, length }), held)
    const fresh = ranges.add({ offset, length }).reduce((sum, part) => sum + part.length, 0)
    assert.is(fresh, length - held)
    bytes.fill(1, offset, offset + length)
  }
  assert.is(
    ranges.bytes,
    bytes.reduce((sum, byte) => sum + byte, 0),
  )
})

test.run()
