import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OrdersAnswer, PlaceBody } from '../../../src/api/placement-schemas.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { parseNamespace } from '../../../src/core/reference.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TrackerSite } from '../../fixtures/tracker.ts'

interface TestNode {
  readonly client: TrackerClient
  readonly peer: PeerKey
}
interface Context {
  site: TrackerSite
  tracker: Tracker
  admin: TrackerClient
  alice: TrackerClient
  nodes: Record<string, TestNode>
}
const test = suite<Context>('placement routes')
const image = testImage({ seed: 'placement', blocks: 40 })

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const { site } = context
  context.tracker = await site.start()
  const { url } = context.tracker
  context.admin = site.client(url, await site.user('admin'))
  context.alice = site.client(url, await site.user('alice'))
  context.nodes = {}
  for (const [name, rack] of Object.entries({ hv1: 'a', hv2: 'a', hv3: 'b' }))
    context.nodes[name] = await site.node(url, name, { labels: { zone: 'z', rack } })
  await pushImage(context.alice, image, { to: 'team/debian' })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const codeOf = async (promise: Promise<unknown>) => (await failureOf(promise)).code
const body = (more: Partial<PlaceBody> = {}): PlaceBody => ({ reference: 'team/debian', labels: {}, ...more })
const orders = ({ nodes }: Context, name: string, reports: Parameters<typeof report>[0][] = []) => {
  const { client, peer } = nodes[name] as TestNode
  return client.placements.orders({ peer, reports: reports.map(report) })
}
const report = (init: { placement: number; state: 'fetching' | 'done' | 'failed'; error?: string }) => ({
  ...{ runs: 1, runsTotal: 2 },
  ...init,
})

test('a placement goes to nodes with the labels, one rack in turn, and they are told', async (context) => {
  const { admin } = context
  const made = await admin.placements.place(body({ labels: { zone: 'z' }, copies: 2, waves: ['1', '100%'] }))
  assert.equal([made.image, made.state, made.nodes.waiting], ['team/debian@1', 'active', 2])
  assert.equal(
    made.waves.map(({ waiting }) => waiting),
    [1, 1],
  )
  const placement = made.placement
  const places = await admin.placements.nodes(placement)
  assert.ok(
    places.some(({ node }) => node === 'hv3'),
    'the only one of its rack',
  )
  const [first, second] = [...places].sort((a, b) => a.wave - b.wave).map(({ node }) => node)
  if (first === undefined || second === undefined) throw new TypeError()
  assert.equal((await orders(context, second)).orders, [])
  assert.equal((await orders(context, first)).orders, [{ placement, reference: 'team/debian@1' }])
  await orders(context, first, [{ placement, state: 'fetching' }])
  assert.is((await admin.placements.get(placement)).nodes.fetching, 1)
  await orders(context, first, [{ placement, state: 'done' }])
  assert.is((await orders(context, second, [])).orders.length, 1)
  await orders(context, second, [{ placement, state: 'failed', error: 'E_STORAGE_FULL: no room' }])
  assert.is((await admin.placements.get(placement)).state, 'halted')
  const [failed] = (await admin.placements.nodes(placement)).filter(({ state }) => state === 'failed')
  assert.equal([failed?.node, failed?.error], [second, 'E_STORAGE_FULL: no room'])
  await admin.placements.change(placement, { action: 'resume' })
  await orders(context, second, [{ placement, state: 'done' }])
  assert.is((await admin.placements.get(placement)).state, 'done')
})

test('nothing is told before its time', async (context) => {
  const at = new Date(Date.now() + 3_600_000).toISOString()
  const made = await context.admin.placements.place(body({ labels: { rack: 'b' }, at }))
  assert.equal([made.state, made.at], ['waiting', at])
  const answer = await orders(context, 'hv3')
  assert.equal([answer.orders, answer.askAgainSeconds], [[], 30])
  const { state } = await context.admin.placements.change(made.placement, { action: 'cancel' })
  assert.is(state, 'cancelled')
})

test('a node that waits hears of a placement when it is made, and of its wave when it comes', async (context) => {
  const { admin, nodes } = context
  const held = (name: string) => {
    const { client, peer } = nodes[name] as TestNode
    return client.placements.orders({ peer, reports: [], waitSeconds: 30 })
  }
  const first = [held('hv1'), held('hv2')]
  const { placement } = await admin.placements.place(body({ labels: { rack: 'a' }, waves: ['1', '100%'] }))
  const places = await admin.placements.nodes(placement)
  const [one, two] = [...places].sort((a, b) => a.wave - b.wave).map(({ node }) => node)
  assert.ok(one !== undefined && two !== undefined)
  const byName = { hv1: first[0], hv2: first[1] } as Record<string, Promise<OrdersAnswer>>
  assert.equal(await byName[one], { orders: [{ placement, reference: 'team/debian@1' }], askAgainSeconds: 0 })
  await orders(context, one, [{ placement, state: 'done' }])
  assert.equal((await byName[two])?.orders, [{ placement, reference: 'team/debian@1' }])
  await orders(context, two, [{ placement, state: 'done' }])
})

test('a node that was revoked while it waited hears of nothing', async (context) => {
  const { site, tracker, admin } = context
  const { client, peer } = await site.node(tracker.url, 'hv9', { labels: { rack: 'z' } })
  const held = failureOf(client.placements.orders({ peer, reports: [], waitSeconds: 30 }))
  const at = new Date(Date.now() + 3_600_000).toISOString()
  const { placement } = await admin.placements.place(body({ labels: { rack: 'z' }, at }))
  await admin.changeNode('hv9', { state: 'revoked' })
  await admin.placements.change(placement, { action: 'resume' })
  assert.is((await held).code, 'E_NOT_AUTHORISED')
})

test('who asks for what there is not hears why', async ({ admin }) => {
  const place = (more: Partial<PlaceBody>) => codeOf(admin.placements.place(body(more)))
  assert.is(await place({ reference: 'team/none' }), 'E_NOT_FOUND')
  assert.is(await place({ labels: { rack: 'z' } }), 'E_NOT_FOUND')
  assert.is(await place({ labels: { rack: 'a' }, copies: 3 }), 'E_NOT_FOUND')
  assert.is(await place({ waves: ['200%'] }), 'E_INVALID')
  assert.is(await place({ at: 'tomorrow' }), 'E_INVALID')
  assert.is(await place({ at: '2030-13-45T00:00' }), 'E_INVALID')
  assert.is(await place({ at: '2999-01-01T00:00:00Z' }), 'E_INVALID')
  assert.is(await codeOf(admin.placements.get(999)), 'E_NOT_FOUND')
})

test('a node that may not read the image is named before anything begins', async ({ admin, alice }) => {
  await pushImage(alice, testImage({ seed: 'private', blocks: 4 }), { to: 'alice/private' })
  const entry = { kind: 'group', subject: 'nodes', right: 'none' } as const
  await alice.signed.changeAcl({ namespace: parseNamespace('alice') }, { entry })
  assert.is(await codeOf(admin.placements.place(body({ reference: 'alice/private' }))), 'E_NOT_AUTHORISED')
})

test('admins alone place images, nodes alone hear of it, each of its own', async (context) => {
  const { admin, alice, nodes } = context
  const hv1 = nodes['hv1'] as TestNode
  assert.is(await codeOf(alice.placements.place(body())), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(alice.placements.list()), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(hv1.client.placements.list()), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(admin.placements.orders({ peer: hv1.peer, reports: [] })), 'E_NOT_AUTHORISED')
  const { placement } = await admin.placements.place(body({ labels: { rack: 'b' } }))
  await orders(context, 'hv1', [{ placement, state: 'failed' }])
  assert.is((await admin.placements.get(placement)).state, 'active')
  const hv3 = nodes['hv3'] as TestNode
  assert.is(await codeOf(hv1.client.placements.orders({ peer: hv3.peer, reports: [] })), 'E_CONFLICT')
})

test('a tracker that stops lets nobody wait', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  const { client, peer } = await site.node(tracker.url, 'hv1', { labels: { rack: 'a' } })
  const held = client.placements.orders({ peer, reports: [], waitSeconds: 30 }).then(
    ({ orders }) => orders.length,
    ({ code }) => code,
  )
  const startMs = performance.now()
  await tracker.stop()
  assert.ok([0, 'E_UNREACHABLE'].includes(await held))
  assert.ok(performance.now() - startMs < 5000)
  await site.remove()
})

test.run()
