import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ANNOUNCE_EXPIRY_MS } from '../../src/core/limits.ts'
import { MemoryRouter, RoutingTable } from '../../src/routing/memory-router.ts'
import { anyManifest, routerConformance } from '../conformance/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { peerNamed } from '../fixtures/peers.ts'

routerConformance('memory', async () => {
  const table = new RoutingTable({ clock: new FakeClock() })
  const peers = ['a', 'b', 'c', 'd'].map(peerNamed)
  const routers = peers.map((self) => new MemoryRouter({ table }, { self }))
  return { routers, peers: peers.map(({ peer }) => peer), manifest: anyManifest, destroy: async () => {} }
})

const test = suite('routing table')

test('forgets a peer that does not announce again', async () => {
  const clock = new FakeClock()
  const table = new RoutingTable({ clock })
  table.add(anyManifest('x'), peerNamed('a'))
  await clock.advance(ANNOUNCE_EXPIRY_MS - 1)
  assert.is(table.peers(anyManifest('x')).length, 1)
  await clock.advance(1)
  assert.equal(table.peers(anyManifest('x')), [])
})

test.run()
