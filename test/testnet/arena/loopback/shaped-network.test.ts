import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ShapedNetwork } from '../../../../testnet/arena/loopback/shaped-network.ts'
import { TokenBucket } from '../../../../testnet/arena/loopback/token-bucket.ts'
import { uniformTopology } from '../../../../testnet/arena/topology.ts'

const test = suite('shaped network')
/** 8 Mbit/s are 1000 bytes in a millisecond. */
const RATE = 8e6

test('a bucket lets a burst through at once, and then its rate', () => {
  const bucket = new TokenBucket({ bitsPerSecond: RATE, burstBytes: 2000 })
  assert.is(bucket.reserve(2000, 0), 0)
  assert.is(bucket.reserve(1000, 0), 1)
  assert.is(bucket.reserve(1000, 0), 2)
  // What nobody used is not saved beyond the burst.
  assert.is(bucket.reserve(3000, 1000), 1001)
})

test('bytes wait for the slowest link of their way, and are counted on every one', () => {
  const network = new ShapedNetwork(
    uniformTopology({ nodes: 3, racks: 3, bitsPerSecond: RATE, uplinkBitsPerSecond: RATE / 4 }),
  )
  const bytes = 1_000_000
  const across = network.path(1, 2).reserve(bytes, 0)
  assert.ok(across > 3900 && across <= 4000, String(across))
  const { hosts, racks } = network.counters()
  assert.is(hosts[1]?.sentBytes, bytes)
  assert.is(hosts[2]?.receivedBytes, bytes)
  assert.is(racks[0]?.sentBytes, bytes)
  assert.is(racks[1]?.receivedBytes, bytes)
  assert.is(racks[2]?.sentBytes, 0)
})

test('within a rack the uplink is not used, within a host no link', () => {
  const network = new ShapedNetwork(
    uniformTopology({ nodes: 2, bitsPerSecond: RATE, uplinkBitsPerSecond: RATE / 4 }),
  )
  assert.ok(network.path(0, 1).reserve(1_000_000, 0) <= 1000)
  assert.is(network.path(2, 2).reserve(1_000_000, 0), 0)
  assert.is(network.counters().racks[0]?.sentBytes, 0)
})

test('a cut rack keeps what would cross its uplink until it is healed', async () => {
  const network = new ShapedNetwork(uniformTopology({ nodes: 2, racks: 2, bitsPerSecond: RATE }))
  network.setCut('rack-2', true)
  const cut = network.path(1, 2).cut()
  assert.ok(cut)
  assert.is(network.path(0, 1).cut(), undefined)
  network.setCut('rack-2', false)
  await cut
  assert.is(network.path(1, 2).cut(), undefined)
})

test.run()
