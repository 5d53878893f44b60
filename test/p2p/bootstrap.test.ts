import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../src/core/log.ts'
import type { PeerAddress, PeerKey } from '../../src/core/router.ts'
import { Bootstrap } from '../../src/p2p/bootstrap.ts'
import { hostLimits } from '../../src/p2p/host-limits.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('bootstrap of the DHT')

const limits = hostLimits()
const peerOf = (i: number): PeerAddress => ({
  peer: `12D3KooWpeer${i}` as PeerKey,
  addresses: [`/ip4/10.0.0.${i}/tcp/1`],
})
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A host of which nobody but `alive` answers, and `arrives` says that those take part in the DHT. */
function bootstrapped({ alive = (_: PeerKey): boolean => true, arrives = true } = {}) {
  const clock = new FakeClock()
  const connected = new Set<PeerKey>()
  const dialled: PeerKey[] = []
  const dial = async ({ peer }: PeerAddress) => {
    dialled.push(peer)
    if (!alive(peer)) throw new Error('nobody there')
    if (!arrives) return
    connected.add(peer)
    bootstrap.arrived()
  }
  const components = { clock, log: silentLog, random: () => 0.5, connected: () => connected, dial }
  const bootstrap: Bootstrap = new Bootstrap(components, { limits })
  return { bootstrap, clock, connected, dialled }
}

test('dials peers that are known at the start at once, a few of them', async () => {
  const { bootstrap, dialled } = bootstrapped()
  bootstrap.add([1, 2, 3, 4, 5].map(peerOf))
  bootstrap.start()
  await settled()
  assert.is(dialled.length, limits.bootstrapParallelMax)
  bootstrap.stop()
})

test('leaves those that it hears of later in peace for a while, then gathers them one by one', async () => {
  const { bootstrap, clock, dialled } = bootstrapped()
  bootstrap.start()
  bootstrap.add(Array.from({ length: 20 }, (_, i) => peerOf(i)))
  await clock.advance(limits.introducedDelayMs)
  await settled()
  assert.is(dialled.length, 0)
  await clock.advance(limits.bootstrapIntervalMs)
  await settled()
  assert.is(dialled.length, limits.bootstrapParallelMax)
  for (let round = 1; round < 10; round++) {
    await clock.advance(limits.bootstrapIntervalMs)
    await settled()
    assert.is(dialled.length, Math.min(limits.bootstrapParallelMax + round, limits.dhtPeersMin))
  }
  assert.is(new Set(dialled).size, dialled.length)
  bootstrap.stop()
})

test('who has a question for the DHT gets somebody of it, past the dead', async () => {
  const { bootstrap, connected, dialled } = bootstrapped({ alive: (peer) => peer === peerOf(7).peer })
  bootstrap.start()
  bootstrap.add(Array.from({ length: 9 }, (_, i) => peerOf(i)))
  await Promise.all([bootstrap.reach(), bootstrap.reach()])
  assert.equal([...connected], [peerOf(7).peer])
  assert.is(dialled.length, 9)
  await bootstrap.reach()
  assert.is(dialled.length, 9)
  bootstrap.stop()
})

test('does not wait for ever for a peer that takes no part in the DHT', async () => {
  const { bootstrap, clock, connected } = bootstrapped({ arrives: false })
  bootstrap.start()
  bootstrap.add([peerOf(1)])
  const reached = bootstrap.reach()
  await settled()
  await clock.advance(limits.negotiationTimeoutMs)
  await reached
  assert.is(connected.size, 0)
  bootstrap.stop()
})

test.run()
