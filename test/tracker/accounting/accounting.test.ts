import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { HistoryAnswer, UsageAnswer } from '../../../src/api/accounting-schemas.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { ACCESS_FLUSH_MS } from '../../../src/core/registry-limits.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { type Answer, HttpsCaller } from '../../fixtures/https-caller.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { collect, pushImage, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  clock: FakeClock
  clients: Record<'alice' | 'bob' | 'admin', TrackerClient>
  callers: Record<'alice' | 'bob' | 'admin', HttpsCaller>
}
const test = suite<Context>('accounting')
const MiB = 1024 * 1024

test.before.each(async (context) => {
  context.site = await TrackerSite.create()
  context.clock = new FakeClock(Date.now())
  const more = 'quotas: { bytes: 1*1024*1024, images: 3 }'
  context.tracker = await context.site.start({ clock: context.clock, more })
  const { site, tracker } = context
  const names = ['alice', 'bob', 'admin'] as const
  const identities = new Map<string, Identity>()
  for (const name of names) identities.set(name, await site.user(name))
  const all = <T>(make: (identity: Identity | undefined) => T) =>
    Object.fromEntries(names.map((name) => [name, make(identities.get(name))])) as Record<
      (typeof names)[number],
      T
    >
  context.clients = all((identity) => site.client(tracker.url, identity as Identity))
  context.callers = all((identity) => new HttpsCaller({ url: tracker.url, site, identity }))
})
test.after.each(async ({ site, tracker, callers }) => {
  for (const caller of Object.values(callers)) caller.close()
  await tracker?.stop()
  await site?.remove()
})

const json = <T>({ body }: Answer): T => JSON.parse(body.toString()) as T

async function usage(context: Context, name: 'alice' | 'admin'): Promise<UsageAnswer> {
  return json(await context.callers[name].call({ method: 'GET', path: '/api/usage' }))
}

test('content without holes counts, for every version', async (context) => {
  const { alice } = context.clients
  const image = testImage({ seed: 'a', blocks: 30, zeros: true })
  const contentBytes = image.blocks.reduce((sum, { length }) => sum + length, 0)
  assert.ok(contentBytes < image.bytes.length)
  await pushImage(alice, image, { to: 'alice/a' })
  await pushImage(alice, image, { to: 'alice/a' })
  const { users } = await usage(context, 'alice')
  assert.equal(users, [
    {
      ...{ user_name: 'alice', images: 1, bytes: 2 * contentBytes, uploading_bytes: 0 },
      ...{ quota_bytes: MiB, quota_images: 3 },
    },
  ])
})

test('an upload that grows past the quota is refused in the middle, and nothing changes', async (context) => {
  const { alice } = context.clients
  const image = testImage({ seed: 'big', blocks: 160 })
  const upload = await alice.openUpload(imageKey('alice/a').namespace, imageKey('alice/a').name)
  const half = image.blocks.length / 2
  await upload.put(image.blocks.slice(0, half))
  const error = await failureOf(upload.put(image.blocks.slice(half)))
  assert.is(error.code, 'E_QUOTA')
  assert.match(error.message, /^alice uses 0 of 1048576 bytes, and this needs \d+ more/)
  const { users } = await usage(context, 'alice')
  assert.is(users[0]?.bytes, 0)
  assert.ok((users[0]?.uploading_bytes ?? 0) >= 4096 * 3 * half - 5 * 4096)
})

test('uploads of one user at once cannot pass the quota together', async (context) => {
  const { alice } = context.clients
  const images = ['x', 'y', 'z'].map((seed) => testImage({ seed, blocks: 60 }))
  const pushes = images.map((image, i) => pushImage(alice, image, { to: `alice/${i}` }))
  const results = await Promise.allSettled(pushes)
  const done = results.filter(({ status }) => status === 'fulfilled').length
  assert.ok(done >= 1 && done <= 2, `${done} of 3`)
  const { users } = await usage(context, 'alice')
  assert.ok((users[0]?.bytes ?? 0) <= MiB)
})

test('who has used everything opens no upload, and may make so many images', async (context) => {
  const { alice, bob } = context.clients
  const image = testImage({ seed: 'a', blocks: 30 })
  const contentBytes = image.blocks.reduce((sum, { length }) => sum + length, 0)
  for (let used = 0; used + contentBytes <= MiB; used += contentBytes)
    await pushImage(alice, image, { to: 'alice/a' })
  assert.is((await failureOf(pushImage(alice, image, { to: 'alice/a' }))).code, 'E_QUOTA')
  await pushImage(bob, image, { to: 'bob/a' })
  for (const name of ['b', 'c']) await bob.createImage(imageKey(`bob/${name}`))
  const { callers } = context
  const body = JSON.stringify({ namespace: 'bob', name: 'd' })
  const refused = await callers.bob.call({ method: 'POST', path: '/api/images', body })
  assert.equal([refused.status, refused.problem?.code], [413, 'E_QUOTA'])
})

test('admins see everybody, in pages; others themselves', async (context) => {
  await pushImage(context.clients.alice, testImage({ seed: 'a', blocks: 3 }), { to: 'alice/a' })
  await context.clients.bob.whoami()
  const all = await usage(context, 'admin')
  assert.equal(
    all.users.map(({ user_name }) => user_name),
    ['admin', 'alice', 'bob'],
  )
  const page = json<UsageAnswer>(
    await context.callers.admin.call({ method: 'GET', path: '/api/usage?limit=2&after=admin' }),
  )
  assert.equal([page.users.length, page.next], [2, null])
  const first = json<UsageAnswer>(
    await context.callers.admin.call({ method: 'GET', path: '/api/usage?limit=1' }),
  )
  assert.is(first.next, 'admin')
  const own = json<UsageAnswer>(await context.callers.bob.call({ method: 'GET', path: '/api/usage' }))
  assert.is(own.users.length, 1)
})

test('downloads and joins are counted and written down together', async (context) => {
  const { alice } = context.clients
  await pushImage(alice, testImage({ seed: 'a', blocks: 3 }), { to: 'alice/a' })
  const reference = parseReference('alice/a')
  await collect(await alice.raw(reference))
  await collect(await alice.raw(reference, { start: 4096 }))
  const { client, peer } = await context.site.node(context.tracker.url, 'node-1')
  for (let i = 0; i < 5; i++) await client.join({ reference: 'alice/a', peer, addresses: [] })
  const { callers, clock } = context
  await callers.alice.call({ method: 'HEAD', path: '/api/images/raw/alice/a' })
  await clock.advance(ACCESS_FLUSH_MS)
  await context.tracker.stop()
  context.tracker = await context.site.start({ clock })
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(`${context.site.dir}/data/catalog.sqlite`, { readOnly: true })
  const row = db.prepare('select access_count, accessed_at from images').get()
  db.close()
  assert.is(row?.['access_count'], 6)
  assert.is(row?.['accessed_at'], clock.now() - ACCESS_FLUSH_MS)
})

test('the history tells those who may write who did what, also when the image is gone', async (context) => {
  const { callers, clients } = context
  const { version } = await pushImage(clients.alice, testImage({ seed: 'a', blocks: 3 }), { to: 'alice/a' })
  const history = async (query = '') => {
    const answer = await callers.alice.call({ method: 'GET', path: `/api/images/alice/a/history${query}` })
    return { status: answer.status, ...json<HistoryAnswer>(answer) }
  }
  const actions = async () => (await history()).entries.map(({ action }) => action)
  assert.equal(await actions(), ['created', 'state', 'uploaded', 'tagged'])
  const first = await history('?limit=2')
  assert.is(first.entries.length, 2)
  const rest = await history(`?after=${first.next}`)
  assert.is(rest.entries[0]?.details['version'], version)
  assert.match(rest.entries[0]?.author ?? '', /CN=alice$/)
  assert.is(rest.next, null)
  const stranger = await callers.bob.call({ method: 'GET', path: '/api/images/alice/a/history' })
  assert.is(stranger.status, 403)
  await clients.alice.removeImage(imageKey('alice/a').namespace, imageKey('alice/a').name)
  assert.is((await actions()).at(-1), 'removed')
  const gone = await callers.bob.call({ method: 'GET', path: '/api/images/alice/a/history' })
  assert.is(gone.status, 403)
  const never = await callers.alice.call({ method: 'GET', path: '/api/images/alice/never/history' })
  assert.is(never.status, 404)
})

test.run()
