import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { distributionBound } from '../../../testnet/sim/bound.ts'

const test = suite('sim/bound')
const EVEN = { bytes: 1000, nodes: 10, originUp: 10, nodeUp: 10, nodeDown: 10 }

test('the origin, a download, or what all can send together bounds the time', () => {
  assert.equal(distributionBound(EVEN), { ms: 100, reason: 'origin' })
  assert.equal(distributionBound({ ...EVEN, originUp: 5 }), { ms: 200, reason: 'origin' })
  assert.equal(distributionBound({ ...EVEN, originUp: 20, nodeDown: 5 }), { ms: 200, reason: 'download' })
  assert.equal(distributionBound({ ...EVEN, originUp: 20, nodeUp: 3 }), { ms: 200, reason: 'capacity' })
})

test('each rack takes a copy in, and its nodes give each other the rest', () => {
  const racks = { count: 2, uplink: 4 }
  assert.equal(distributionBound({ ...EVEN, racks }), { ms: 250, reason: 'rack uplink' })
  const slow = { ...EVEN, originUp: 1000, nodeUp: 3, racks: { count: 2, uplink: 10 } }
  assert.equal(distributionBound(slow), { ms: 200, reason: 'rack capacity' })
  assert.equal(distributionBound({ ...EVEN, racks: { count: 1, uplink: 1 } }).reason, 'origin')
})

test.run()
