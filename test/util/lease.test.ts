import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { Lease } from '../../src/util/lease.ts'

const test = suite('leases of memory')
const pools = () => [new BufferPool({ bytes: 1000, keepMax: 4 }), new BufferPool({ bytes: 8000, keepMax: 4 })]

test('what is given back is used again, from the smallest pool that fits', () => {
  const shared = pools()
  const lease = new Lease(shared)
  const [small, large] = [lease.take(900), lease.take(1001)]
  assert.equal([small.length, large.length], [900, 1001])
  assert.equal([small.buffer.byteLength, large.buffer.byteLength], [1000, 8000])
  const other = new Lease(shared)
  assert.is.not(other.take(900).buffer, small.buffer)
  lease.release()
  const next = new Lease(shared)
  assert.is(next.take(500).buffer, small.buffer)
  assert.is(next.take(7000).buffer, large.buffer)
})

test('nothing is given back twice', () => {
  const shared = pools()
  const lease = new Lease(shared)
  const taken = lease.take(900)
  lease.give(taken)
  lease.give(taken)
  lease.release()
  lease.release()
  const next = new Lease(shared)
  assert.is(next.take(900).buffer, taken.buffer)
  assert.is.not(next.take(900).buffer, taken.buffer)
})

test('more than any pool has is memory of its own', () => {
  const lease = new Lease(pools())
  assert.is(lease.take(8001).length, 8001)
  lease.release()
})

test.run()
