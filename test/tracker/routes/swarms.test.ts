import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { announceOne } from '../../../src/api/announce-one.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import type { ManifestId } from '../../../src/core/cid.ts'
import { checkGrant, GRANT_TYPE, parseGrant } from '../../../src/core/grant.ts'
import { runCount } from '../../../src/core/manifest.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface TestNode {
  readonly client: TrackerClient
  readonly peer: PeerKey
}
const test = suite<{
  site: TrackerSite
  tracker: Tracker
  alice: TrackerClient
  one: TestNode
  two: TestNode
}>('swarm routes')
const image = testImage({ seed: 'swarm', blocks: 400 })
const runsTotal = runCount(image.manifest)
const addresses = ['/ip4/10.0.0.1/tcp/4002']

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { site, tracker } = context
  context.one = await site.node(tracker.url, 'node-1', { labels: { rack: 'a' } })
  context.two = await site.node(tracker.url, 'node-2')
  context.alice = site.client(tracker.url, await site.user('alice'))
  await pushImage(context.alice, image, { to: 'team/debian' })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const join = ({ client, peer }: TestNode, reference: string) => client.join({ reference, peer, addresses })
const announce = (
  { client, peer }: TestNode,
  more: { runs?: number; manifest?: typeof image.manifestId } = {},
) => {
  const swarm = { manifest: image.manifestId, runs: 0, find: true, grant: true, ...more }
  return announceOne(client, { peer, addresses, swarm })
}
const others = (list: readonly { peer: string; origin?: boolean }[] = []) =>
  list.filter((peer) => peer.origin !== true).map((peer) => peer.peer)

test('a join gives record, grant and handout at once', async ({ one, two, site }) => {
  const first = await join(one, 'team/debian')
  assert.is(first.manifest, image.manifestId)
  assert.equal(others(first.peers), [])
  const nowMs = Date.now()
  const trusted = { trust: site.site.trust, nowMs, host: TRACKER_NAME }
  const grant = parseGrant((await verifyJws(first.grant, { ...trusted, typ: GRANT_TYPE })).claims)
  assert.is(grant.sub, '/O=Example/OU=nodes/CN=node-1')
  assert.equal([grant.node, grant.user, grant.manifest], ['node-1', undefined, image.manifestId])
  checkGrant(grant, { peer: one.peer, nowMs, graceS: 0 })
  assert.ok(first.renewAfterSeconds > 0 && first.renewAfterSeconds < 300)
  const second = await join(two, 'team/debian:latest')
  assert.equal(others(second.peers), [one.peer])
  assert.equal(second.peers.find((peer) => peer.peer === one.peer)?.labels, { rack: 'a' })
  assert.equal(first.rack, { place: 0, of: 1 })
})

test('announces show progress, renew the grant and the handout', async ({ one, two, alice }) => {
  const answer = await announce(one, { runs: runsTotal })
  assert.equal(others(answer.peers), [two.peer])
  assert.equal(answer.rack, { place: 0, of: 1 })
  const [swarm] = await alice.swarms()
  assert.equal([swarm?.complete, swarm?.partial, swarm?.references], [1, 1, ['team/debian@1']])
  assert.is((await failureOf(announce(one, { runs: runsTotal + 1 }))).code, 'E_INVALID')
})

test('nobody speaks for the peer of another node', async ({ one, two }) => {
  const { client } = two
  const { peer } = one
  const bodies = [
    () => join({ client, peer }, 'team/debian'),
    () => announce({ client, peer }),
    () => client.leave({ peer, manifests: [image.manifestId] }),
  ]
  for (const body of bodies) assert.is((await failureOf(body())).code, 'E_CONFLICT')
  assert.equal(others((await announce(two)).peers), [peer])
})

test('users take part in no swarm', async ({ alice, one }) => {
  const { peer } = one
  for (const call of [
    () => join({ client: alice, peer }, 'team/debian'),
    () => announce({ client: alice, peer }),
  ])
    assert.is((await failureOf(call())).code, 'E_NOT_AUTHORISED')
})

test('an image that is not there is said so', async ({ one }) => {
  assert.is((await failureOf(join(one, 'team/none'))).code, 'E_NOT_FOUND')
})

test('a manifest that a node may not have is as one that is nowhere', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start({ more: 'namespaces: { nodesRead: false }\n' })
  try {
    const one = await site.node(tracker.url, 'node-1')
    const alice = site.client(tracker.url, await site.user('alice'))
    await pushImage(alice, image, { to: 'team/debian' })
    const unknown = testImage({ seed: 'unknown', blocks: 2 }).manifestId
    const nowhere = await failureOf(announce(one, { manifest: unknown }))
    const forbidden = await failureOf(announce(one))
    assert.is(nowhere.code, 'E_NOT_AUTHORISED')
    assert.equal([forbidden.code, forbidden.message], [nowhere.code, nowhere.message])
    assert.is((await failureOf(join(one, 'team/debian'))).code, 'E_NOT_AUTHORISED')
    assert.equal(await one.client.swarms(), [])
  } finally {
    await tracker.stop()
    await site.remove()
  }
})

test('a reader sees how many, an admin sees who, a node sees itself', async ({
  one,
  two,
  alice,
  site,
  tracker,
}) => {
  const admin = site.client(tracker.url, await site.user('admin'))
  const { manifestId } = image
  const names = async (client: TrackerClient) =>
    (await client.swarm(manifestId)).peers.map(({ node }) => node)
  assert.equal(await names(alice), [])
  assert.equal(await names(two.client), ['node-2'])
  assert.equal((await names(admin)).sort(), ['node-1', 'node-2'])
  const [first] = (await admin.swarm(manifestId, { limit: 1 })).peers
  const [second] = (await admin.swarm(manifestId, { after: first?.peer ?? one.peer })).peers
  assert.equal([first?.peer, second?.peer], [one.peer, two.peer].sort())
  assert.equal(Object.keys((await alice.swarms())[0] ?? {}), [
    'manifest',
    'references',
    'complete',
    'partial',
  ])
  const unknown = testImage({ seed: 'unknown', blocks: 2 }).manifestId
  assert.is((await failureOf(alice.swarm(unknown))).code, 'E_NOT_FOUND')
})

test('swarms come in pages, and only those of images that one may read', async ({
  alice,
  one,
  site,
  tracker,
}) => {
  const manifests = [image.manifestId]
  for (let n = 0; n < 4; n++) {
    const other = testImage({ seed: `page ${n}`, blocks: 2 })
    await pushImage(alice, other, { to: `team/page${n}` })
    await announceOne(one.client, {
      peer: one.peer,
      addresses,
      swarm: { manifest: other.manifestId, runs: 0 },
    })
    manifests.push(other.manifestId)
  }
  manifests.sort()
  const pages: string[] = []
  for (let after = ''; ; ) {
    const page = await alice.swarms({ limit: 2, ...(after === '' ? {} : { after: after as ManifestId }) })
    pages.push(...page.map(({ manifest }) => manifest))
    if (page.length < 2) break
    after = page.at(-1)?.manifest ?? ''
  }
  assert.equal(pages, manifests)
  const bob = site.client(tracker.url, await site.user('bob'))
  assert.equal(await bob.swarms(), [])
})

test('one announce is answered for each swarm by itself, and refusals are written down', async ({ one }) => {
  const unknown = testImage({ seed: 'nowhere', blocks: 2 }).manifestId
  const { swarms, places } = await one.client.announce({
    ...{ peer: one.peer, addresses },
    swarms: [
      { manifest: unknown, runs: 0, find: true, grant: true },
      { manifest: image.manifestId, runs: runsTotal },
    ],
  })
  const [refused, taken] = swarms
  assert.equal(Object.keys(refused ?? {}), ['manifest', 'refused'])
  assert.is(refused?.refused?.code, 'E_NOT_AUTHORISED')
  assert.equal(taken, { manifest: image.manifestId })
  assert.ok(places >= 1)
})

test('who leaves is handed out no more', async ({ one, two }) => {
  await one.client.leave({ peer: one.peer })
  assert.equal(others((await announce(two)).peers), [])
})

test.run()
