import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { checkGrant, GRANT_TYPE, parseGrant } from '../../../src/core/grant.ts'
import { runCount } from '../../../src/core/manifest.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; one: TrackerClient; two: TrackerClient }>(
  'swarm routes',
)
const image = testImage({ seed: 'swarm', blocks: 400 })
const runsTotal = runCount(image.manifest)
const peers = ['12D3KooWAAAAAAAAAAAAAAAA1', '12D3KooWAAAAAAAAAAAAAAAA2'] as PeerKey[]
const [peer1 = '' as PeerKey, peer2 = '' as PeerKey] = peers
const place = (peer: PeerKey) => ({ peer, addresses: ['/ip4/10.0.0.1/tcp/4002'], labels: { rack: 'a' } })

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const node = async (commonName: string) =>
    context.site.client(context.tracker.url, await context.site.site.issue({ kind: 'node', commonName }))
  context.one = await node('node-1')
  context.two = await node('node-2')
  const alice = context.site.client(context.tracker.url, await context.site.user('alice'))
  await pushImage(alice, image, { to: 'team/debian' })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const others = (list: readonly { peer: string; origin?: boolean }[]) =>
  list.filter((peer) => peer.origin !== true).map((peer) => peer.peer)

test('a join gives record, grant and handout at once', async ({ one, two, site }) => {
  const first = await one.join({ reference: 'team/debian', ...place(peer1) })
  assert.is(first.manifest, image.manifestId)
  assert.equal(others(first.peers), [])
  const nowMs = Date.now()
  const trusted = { trust: site.site.trust, nowMs, host: TRACKER_NAME }
  const grant = parseGrant((await verifyJws(first.grant, { ...trusted, typ: GRANT_TYPE })).claims)
  assert.is(grant.sub, '/O=Example/OU=nodes/CN=node-1')
  assert.is(grant.manifest, image.manifestId)
  checkGrant(grant, { peer: peer1, nowMs, graceS: 0 })
  assert.ok(first.renewAfterSeconds > 0 && first.renewAfterSeconds < 300)
  const second = await two.join({ reference: 'team/debian:latest', ...place(peer2) })
  assert.equal(others(second.peers), [peer1])
  assert.equal(second.peers.find((peer) => peer.peer === peer1)?.labels, { rack: 'a' })
})

test('announces show progress, renew the grant and the handout', async ({ one }) => {
  const { peer, addresses } = place(peer1)
  const body = { manifest: image.manifestId, peer, addresses, runs: runsTotal, runsTotal }
  const answer = await one.announce(body)
  assert.equal(others(answer.peers), [peer2])
  const [swarm] = await one.swarms()
  assert.equal([swarm?.complete, swarm?.partial, swarm?.references], [1, 1, ['team/debian@1']])
  assert.is((await failureOf(one.announce({ ...body, runs: runsTotal + 1 }))).code, 'E_INVALID')
})

test('nobody is kept out by another who announces its peer ID', async ({ one, two }) => {
  const { peer, addresses } = place(peer1)
  const body = { manifest: image.manifestId, peer, addresses, runs: 0, runsTotal }
  assert.equal(others((await two.announce(body)).peers), [peer2])
  assert.equal(others((await one.announce(body)).peers), [peer2])
  await two.leave({ manifest: image.manifestId, peer })
})

test('nobody announces a manifest or image that is not there', async ({ one }) => {
  const { peer, addresses } = place(peer1)
  const body = { manifest: image.manifestId, peer, addresses, runs: 0, runsTotal }
  assert.is((await failureOf(one.join({ reference: 'team/none', ...place(peer1) }))).code, 'E_NOT_FOUND')
  const unknown = testImage({ seed: 'unknown', blocks: 2 }).manifestId
  assert.is((await failureOf(one.announce({ ...body, manifest: unknown }))).code, 'E_NOT_FOUND')
})

test('who leaves is handed out no more', async ({ one, two }) => {
  await two.leave({ manifest: image.manifestId, peer: peer1 })
  await one.leave({ manifest: image.manifestId, peer: peer1 })
  const { peer, addresses } = place(peer2)
  const answer = await two.announce({ manifest: image.manifestId, peer, addresses, runs: 0, runsTotal })
  assert.equal(others(answer.peers), [])
})

test.run()
