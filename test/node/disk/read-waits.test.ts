import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadWaits } from '../../../node/disk/read-waits.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('waits of reads')

test('a read counts from the moment when it begins to wait, with the age that it has', async () => {
  const clock = new FakeClock()
  const waits = new ReadWaits({ clock })
  const [one, two] = [{}, {}]
  waits.begin(one)
  await clock.advance(8000)
  waits.begin(one)
  waits.begin(two)
  assert.is(waits.count, 2)
  const { waitMs, waitBuckets } = waits.stats()
  assert.equal([waitMs.p99, waitMs.max, waitMs.sum], [8000, 8000, 0])
  assert.equal(waitBuckets, [], 'buckets are of those that have ended')
})

test('a read that has ended keeps the time that it took', async () => {
  const clock = new FakeClock()
  const waits = new ReadWaits({ clock })
  const [one, never] = [{}, {}]
  waits.begin(one)
  await clock.advance(100)
  waits.end(one)
  waits.end(one)
  waits.end(never)
  await clock.advance(1000)
  const { waits: count, waitMs, waitBuckets } = waits.stats()
  assert.equal([count, waitMs.max, waitMs.sum], [1, 100, 100])
  assert.is(waitBuckets.length, 1)
})

test.run()
