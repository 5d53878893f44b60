import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { LimitError } from '../../../src/core/errors.ts'
import {
  ANNOUNCE_EXPIRY_MS,
  ANNOUNCE_INTERVAL_MS,
  HANDOUT_PEERS_MAX,
  SWARM_PLACE_EXPIRY_MS,
} from '../../../src/core/limits.ts'
import { SWARM_PLACES_MAX, SWARMS_MAX } from '../../../src/core/registry-limits.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { Swarms } from '../../../tracker/swarm/swarms.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('swarms')
const manifest = manifestIdOf(digestOf(Buffer.from('image')))
const peerKey = (n: number | string) => `peer${n}` as PeerKey
const isLimit = (error: unknown) => error instanceof LimitError
const node = (n: number | string, labels = {}) => ({ peer: peerKey(n), name: `node-${n}`, labels })
const announcement = (n: number | string, more: object = {}) => ({
  manifest,
  node: node(n),
  addresses: [`/ip4/10.0.0.1/tcp/${n}`],
  runs: 0,
  runsTotal: 10,
  ...more,
})

test('counts the peers of each rack: each has a place of its own, and one that leaves frees the last', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const inRack = (n: number, rack: string) => announcement(n, { node: node(n, { zone: 'z', rack }) })
  for (const n of [1, 2, 3]) swarms.announce(inRack(n, 'a'))
  swarms.announce(inRack(4, 'b'))
  swarms.announce(announcement(5))
  const places = (...peers: number[]) => peers.map((n) => swarms.rackPlace(manifest, peerKey(n)))
  assert.equal(places(1, 2, 3), [
    { place: 0, of: 3 },
    { place: 1, of: 3 },
    { place: 2, of: 3 },
  ])
  assert.equal(places(4, 5, 6), [{ place: 0, of: 1 }, undefined, undefined])
  swarms.leave(manifest, peerKey(1))
  assert.equal(places(2, 3, 1), [{ place: 1, of: 2 }, { place: 0, of: 2 }, undefined])
})

test('hands out the others and always the origin first', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const origins = [{ peer: peerKey('origin'), addresses: ['/ip4/10.0.0.2/tcp/1'], origin: true }]
  assert.equal(swarms.handout(manifest, node(1), origins), [
    { peer: 'peerorigin', addresses: ['/ip4/10.0.0.2/tcp/1'], origin: true },
  ])
  for (const n of [1, 2, 3]) swarms.announce(announcement(n))
  const handout = swarms.handout(manifest, node(1), origins)
  assert.is(handout[0]?.peer, peerKey('origin'))
  assert.equal(
    handout
      .slice(1)
      .map((peer) => peer.peer)
      .sort(),
    [peerKey(2), peerKey(3)],
  )
  for (let n = 4; n < 100; n++) swarms.announce(announcement(n))
  assert.is(swarms.handout(manifest, node(1), origins).length, HANDOUT_PEERS_MAX)
})

test('forgets who leaves and who falls silent', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  for (const n of [1, 2, 3]) swarms.announce(announcement(n))
  swarms.leave(manifest, peerKey(3))
  await clock.advance(ANNOUNCE_EXPIRY_MS - 1)
  swarms.announce(announcement(1, { runs: 5 }))
  assert.equal(
    swarms.handout(manifest, node(1)).map((peer) => peer.peer),
    [peerKey(2)],
  )
  await clock.advance(1)
  assert.equal(swarms.handout(manifest, node(1)), [])
  assert.equal(
    swarms.peers(manifest).map(({ peer, runs }) => [peer, runs]),
    [[peerKey(1), 5]],
  )
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  assert.equal([...swarms.list()], [])
})

test('hands out the labels that the tracker has', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  swarms.announce(announcement(1, { node: node(1, { rack: 'a' }) }))
  assert.equal(swarms.handout(manifest, node(2))[0]?.labels, { rack: 'a' })
  swarms.announce(announcement(1))
  assert.equal(swarms.handout(manifest, node(2))[0]?.labels, {})
})

test('a peer that is not to take part any more leaves every swarm', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  for (const s of ['a', 'b']) for (const n of [1, 2]) swarms.announce(announcement(n, { manifest: s }))
  swarms.forget(peerKey(1))
  const left = swarms.manifests().flatMap((one) => swarms.peers(one).map(({ peer }) => peer))
  assert.equal(left, [peerKey(2), peerKey(2)])
})

test('the origin is handed out once, with its own addresses', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  const origins = [{ peer: peerKey('origin'), addresses: ['/true'], origin: true }]
  swarms.announce(announcement('origin', { addresses: ['/false'] }))
  assert.equal(swarms.handout(manifest, node(1), origins), [
    { peer: 'peerorigin', addresses: ['/true'], origin: true },
  ])
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
  swarms.leave('m7' as typeof manifest, peerKey(5))
  swarms.announce(more)
  await clock.advance(ANNOUNCE_EXPIRY_MS)
  for (let n = 0; n < perSwarm; n++) swarms.announce(announcement(n, { manifest: 'new' }))
})

test('one sign of life keeps a node in all its swarms, and one goodbye ends all', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  for (const n of [1, 2]) for (const s of ['a', 'b', 'c']) swarms.announce(announcement(n, { manifest: s }))
  for (let i = 0; i < 5; i++) {
    await clock.advance(ANNOUNCE_INTERVAL_MS)
    swarms.renew(node(1), ['/ip4/10.0.0.9/tcp/1'])
  }
  assert.equal(swarms.totals(), { nodes: 1, swarms: 3, complete: 0, partial: 3 })
  assert.equal(swarms.handout('b' as typeof manifest, node(3)), [
    { peer: peerKey(1), addresses: ['/ip4/10.0.0.9/tcp/1'], labels: {} },
  ])
  swarms.forget(peerKey(1))
  assert.equal(swarms.totals(), { nodes: 0, swarms: 0, complete: 0, partial: 0 })
})

test('a dead node is in no handout 30 s after its last announce', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  swarms.announce(announcement(1))
  await clock.advance(30_000 - 1)
  assert.equal(swarms.handout(manifest, node(2)), [])
})

test('a place that is told of no more ends, though its node lives', async () => {
  const clock = new FakeClock()
  const swarms = new Swarms({ clock })
  swarms.announce(announcement(1, { manifest: 'lost' }))
  for (let ms = 0; ms < SWARM_PLACE_EXPIRY_MS; ms += ANNOUNCE_INTERVAL_MS) {
    swarms.announce(announcement(1))
    await clock.advance(ANNOUNCE_INTERVAL_MS)
  }
  swarms.renew(node(1), [])
  assert.equal(swarms.manifests(), [manifest])
  assert.is(swarms.placesOf(peerKey(1)), 1)
})

test('counts who is complete, and follows a node to another rack', () => {
  const swarms = new Swarms({ clock: new FakeClock() })
  for (const n of [1, 2, 3]) swarms.announce(announcement(n, { runs: n === 1 ? 10 : 3 }))
  assert.equal([...swarms.list()], [{ manifest, complete: 1, partial: 2 }])
  swarms.announce(announcement(2, { runs: 10 }))
  swarms.renew(node(1, { zone: 'z', rack: 'r' }), [])
  assert.equal([...swarms.list()], [{ manifest, complete: 2, partial: 1 }])
  assert.equal(swarms.peer(manifest, peerKey(1))?.labels, { zone: 'z', rack: 'r' })
  swarms.leave(manifest, peerKey(1))
  assert.equal([...swarms.list()], [{ manifest, complete: 1, partial: 1 }])
})

test.run()
