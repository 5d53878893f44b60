import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { LimitError } from '../../../src/core/errors.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  HANDOUT_PEERS_MAX,
  SWARM_PEERS_PER_PRINCIPAL_MAX,
  SWARM_PLACES_MAX,
  SWARMS_MAX,
} from '../../../src/core/limits.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { Swarms } from '../../../tracker/swarm/swarms.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('swarms')
const manifest = manifestIdOf(digestOf(Buffer.from('image')))
const peerKey = (n: number | string) => `peer${n}` as PeerKey
const isLimit = (error: unknown) => error instanceof LimitError
const asker = (n: number | string) => ({ peer: peerKey(n), principal: `/CN=node-${n}` })
const announcement = (n: number | string, more: object = {}) => ({
  manifest,
  principal: `/CN=node-${n}`,
  peer: peerKey(n),
  addresses: [`/ip4/10.0.0.1/tcp/${n}`],
  runs: 0,
  runsTotal: 10,
  ...more,
})

test('hands out the others and always the origin first', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const origins = [{ peer: peerKey('origin'), addresses: ['/ip4/10.0.0.2/tcp/1'], origin: true }]
  assert.equal(swarms.handout(manifest, asker(1), origins), [
    { peer: 'peerorigin', addresses: ['/ip4/10.0.0.2/tcp/1'], origin: true },
  ])
  for (const n of [1, 2, 3]) swarms.announce(announcement(n))
  const handout = swarms.handout(manifest, asker(1), origins)
  assert.is(handout[0]?.peer, peerKey('origin'))
  assert.equal(
    handout
      .slice(1)
      .map((peer) => peer.peer)
      .sort(),
    [peerKey(2), peerKey(3)],
  )
  for (let n = 4; n < 100; n++) swarms.announce(announcement(n))
  assert.is(swarms.handout(manifest, asker(1), origins).length, HANDOUT_PEERS_MAX)
})

test('forgets who leaves and who falls silent', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  for (const n of [1, 2, 3]) swarms.announce(announcement(n))
  swarms.leave(manifest, asker(3))
  await clock.advance(ANNOUNCE_EXPIRY_MS - 1)
  swarms.announce(announcement(1, { runs: 5 }))
  assert.equal(
    swarms.handout(manifest, asker(1)).map((peer) => peer.peer),
    [peerKey(2)],
  )
  await clock.advance(1)
  assert.equal(swarms.handout(manifest, asker(1)), [])
  assert.equal(
    [...swarms.list()].flatMap(({ peers }) => peers.map((peer) => [peer.address.peer, peer.runs])),
    [[peerKey(1), 5]],
  )
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  assert.equal([...swarms.list()], [])
})

test('keeps the labels of an earlier announcement', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  swarms.announce(announcement(1, { labels: { rack: 'a' } }))
  swarms.announce(announcement(1))
  assert.equal(swarms.handout(manifest, asker(2))[0]?.labels, { rack: 'a' })
})

test('nobody is kept out by another who takes its peer ID first, or is taken out by it', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const mallory = { peer: peerKey(1), principal: '/CN=mallory' }
  swarms.announce(announcement(1, { principal: '/CN=mallory', addresses: ['/false', '/false2'] }))
  swarms.announce(announcement(1, { labels: { rack: 'a' } }))
  swarms.announce(announcement(2))
  const [both, ...more] = swarms.handout(manifest, asker(2))
  assert.equal(more, [])
  assert.equal(both?.addresses, ['/false', '/ip4/10.0.0.1/tcp/1', '/false2'])
  assert.equal(
    swarms.handout(manifest, asker(1)).map((peer) => peer.peer),
    [peerKey(2)],
  )
  swarms.leave(manifest, mallory)
  assert.equal(swarms.handout(manifest, asker(2))[0]?.addresses, ['/ip4/10.0.0.1/tcp/1'])
  assert.equal(swarms.handout(manifest, asker(2))[0]?.labels, { rack: 'a' })
  swarms.leave(manifest, { ...mallory, principal: '/CN=other' })
  assert.is(swarms.handout(manifest, asker(2)).length, 1)
})

test('the origin is handed out once, whoever announces its peer ID', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const origins = [{ peer: peerKey('origin'), addresses: ['/true'], origin: true }]
  swarms.announce(announcement('origin', { principal: '/CN=mallory', addresses: ['/false'] }))
  assert.equal(swarms.handout(manifest, asker(1), origins), [
    { peer: 'peerorigin', addresses: ['/true'], origin: true },
  ])
})

test('a principal has so many peers in a swarm, and their places when they leave', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const mine = (n: number) => announcement(n, { principal: '/CN=many' })
  for (let n = 0; n < SWARM_PEERS_PER_PRINCIPAL_MAX; n++) swarms.announce(mine(n))
  assert.throws(() => swarms.announce(mine(99)), isLimit)
  swarms.announce(mine(0))
  swarms.announce({ ...mine(99), manifest: 'other' as typeof manifest })
  swarms.announce(announcement(99))
  swarms.leave(manifest, { peer: peerKey(0), principal: '/CN=many' })
  swarms.announce(mine(99))
})

test('a new swarm that finds its place among silent ones is kept', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  for (let n = 0; n < SWARM_PLACES_MAX / 10; n++) {
    for (let s = 0; s < 10; s++) swarms.announce(announcement(n, { manifest: `m${s}` }))
  }
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  swarms.announce(announcement(1))
  assert.equal(
    [...swarms.list()].map((swarm) => swarm.manifest),
    [manifest],
  )
})

test('has room for so many swarms, and finds it again when they die', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  const other = (n: number) => announcement(1, { manifest: `m${n}` })
  for (let n = 0; n < SWARMS_MAX; n++) swarms.announce(other(n))
  assert.throws(() => swarms.announce(other(SWARMS_MAX)), isLimit)
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  swarms.announce(other(SWARMS_MAX))
})

test('has so many places in all swarms together, and counts them right', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  const perSwarm = SWARM_PLACES_MAX / 20
  for (let s = 0; s < 20; s++) {
    for (let n = 0; n < perSwarm; n++) swarms.announce(announcement(n, { manifest: `m${s}` }))
  }
  const more = announcement('more', { manifest: 'm0' })
  assert.throws(() => swarms.announce(more), isLimit)
  swarms.announce(announcement(1, { manifest: 'm3' }))
  swarms.leave('m7' as typeof manifest, asker(5))
  swarms.announce(more)
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  for (let n = 0; n < perSwarm; n++) swarms.announce(announcement(n, { manifest: 'new' }))
})

test.run()
