import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadAhead } from '../../../node/disk/read-ahead.ts'
import { READ_AHEAD_BYTES_MAX, READ_AHEAD_SHARE } from '../../../src/core/limits.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('read-ahead')
const KiB = 1024
const GiB = 1024 ** 3

test('fetches nothing ahead of random reads', () => {
  const ahead = new ReadAhead({ size: 64 * GiB })
  const random = seededRandom(1)
  for (let i = 0; i < 1000; i++) {
    const offset = Math.floor(random() * 64 * GiB)
    assert.is(ahead.read({ offset, length: 42 * KiB }), undefined)
  }
})

test('grows with a sequence, up to a bound, and never fetches more in vain than a share of what was read', () => {
  const size = GiB
  const ahead = new ReadAhead({ size })
  let fetchedTo = 0
  let largest = 0
  for (let offset = 0; offset < size / 4; offset += 128 * KiB) {
    const range = ahead.read({ offset, length: 128 * KiB })
    if (range === undefined) continue
    assert.ok(range.offset >= offset + 128 * KiB && range.offset >= fetchedTo)
    fetchedTo = range.offset + range.length
    assert.ok(fetchedTo - (offset + 128 * KiB) <= (offset + 128 * KiB) * READ_AHEAD_SHARE)
    largest = Math.max(largest, fetchedTo - offset - 128 * KiB)
  }
  assert.is(largest, READ_AHEAD_BYTES_MAX)
})

test('follows several sequences at a time, and reads that overtake each other', () => {
  const ahead = new ReadAhead({ size: GiB })
  const found = [0, 0]
  for (let i = 0; i < 64; i++) {
    for (const stream of [0, 1]) {
      const offset = stream * 512 * KiB * KiB + (i ^ 1) * 64 * KiB
      if (ahead.read({ offset, length: 64 * KiB }) !== undefined) found[stream] = (found[stream] ?? 0) + 1
    }
  }
  assert.ok((found[0] ?? 0) > 2 && (found[1] ?? 0) > 2)
})

test('ends with the disk', () => {
  const size = 1_000_001
  const ahead = new ReadAhead({ size })
  for (let offset = 0; offset < size; offset += 65_536) {
    const range = ahead.read({ offset, length: Math.min(65_536, size - offset) })
    if (range !== undefined) assert.ok(range.length > 0 && range.offset + range.length <= size)
  }
})

test.run()
