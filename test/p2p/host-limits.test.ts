import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_HOST_LIMITS, hostLimits } from '../../src/p2p/host-limits.ts'

const test = suite('host limits')

test('are all positive numbers that keep their relations', () => {
  for (const [name, value] of Object.entries(hostLimits())) assert.ok(value > 0, name)
})

test('can be replaced one by one', () => {
  assert.equal(hostLimits({ connectionsMax: 7 }), { ...DEFAULT_HOST_LIMITS, connectionsMax: 7 })
})

test('refuse values that contradict each other', () => {
  assert.throws(() => hostLimits({ readBufferBytesMax: 1024 }), /a paused stream can hold a whole window/)
  assert.throws(() => hostLimits({ peerAddressAgeMs: 1 }), /addresses live as long/)
  assert.throws(() => hostLimits({ pingIntervalMs: 1 }), /pings may overlap/)
})

test.run()
