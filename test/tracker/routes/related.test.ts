import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { checkGrant, GRANT_TYPE, parseGrant } from '../../../src/core/grant.ts'
import { runCount } from '../../../src/core/manifest.ts'
import { parseNamespace } from '../../../src/core/reference.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { type TestImage, testImage } from '../../fixtures/test-image.ts'
import { pushImage, type SiteNode, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  alice: TrackerClient
  has: SiteNode
  asks: SiteNode
}
const test = suite<Context>('related images')
const old = testImage({ seed: 'one', blocks: 300 })
const next = testImage({ seed: 'one', blocks: 400 })
const other = testImage({ seed: 'two', blocks: 300 })
const addresses = ['/ip4/10.0.0.1/tcp/4002']

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { site, tracker } = context
  context.has = await site.node(tracker.url, 'has')
  context.asks = await site.node(tracker.url, 'asks')
  context.alice = site.client(tracker.url, await site.user('alice'))
  await pushImage(context.alice, old, { to: 'alice/old' })
  await pushImage(context.alice, next, { to: 'team/next' })
  await pushImage(context.alice, other, { to: 'team/other' })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

async function holds({ client, peer }: SiteNode, { manifest, manifestId }: TestImage): Promise<void> {
  const runs = runCount(manifest)
  await client.announce({ peer, addresses, swarms: [{ manifest: manifestId, runs }] })
}
const related = ({ client, peer }: SiteNode, { manifestId }: TestImage) =>
  client.related({ manifest: manifestId, peer })

/** Samples are taken in the background. */
async function untilTold(node: SiteNode, image: TestImage) {
  for (;;) {
    const answer = await related(node, image)
    if (answer.related.length > 0) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('nobody who has a related image, nothing is told', async ({ asks }) => {
  assert.equal(await related(asks, next), { related: [], askAgainSeconds: 60 })
})

test('peers of an image with common blocks are told, with a grant for it', async ({ site, has, asks }) => {
  await holds(has, old)
  await holds(has, other)
  const answer = await untilTold(asks, next)
  const [first] = answer.related
  assert.equal(
    answer.related.map(({ manifest, peers }) => [manifest, peers.map(({ peer }) => peer)]),
    [[old.manifestId, [has.peer]]],
  )
  assert.ok(first !== undefined && Math.abs(first.share - 0.75) < 0.15, `share ${first?.share}`)
  const trusted = { trust: site.site.trust, nowMs: Date.now(), host: TRACKER_NAME }
  const grant = parseGrant((await verifyJws(first.grant, { ...trusted, typ: GRANT_TYPE })).claims)
  checkGrant(grant, { peer: asks.peer, nowMs: Date.now(), graceS: 0 })
  assert.is(grant.manifest, old.manifestId)
  assert.ok(answer.askAgainSeconds > 0 && answer.askAgainSeconds <= 60)
})

test('an image that the node may not read is not told of; nor may it ask about one', async ({
  alice,
  asks,
}) => {
  const entry = { kind: 'group', subject: 'nodes', right: 'none' } as const
  await alice.signed.changeAcl({ namespace: parseNamespace('alice') }, { entry })
  assert.equal((await related(asks, next)).related, [])
  assert.is((await failureOf(related(asks, old))).code, 'E_NOT_AUTHORISED')
})

test('users have no peers', async ({ alice, asks }) => {
  const body = { manifest: next.manifestId, peer: asks.peer }
  assert.is((await failureOf(alice.related(body))).code, 'E_NOT_AUTHORISED')
})

test.run()
