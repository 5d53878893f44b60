import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../../tracker/tracker.ts'
import { noise } from '../../fixtures/noise.ts'
import { RawClient } from '../../fixtures/raw-client.ts'
import { TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{
  site: TrackerSite
  tracker: Tracker
  alice: RawClient
  bob: RawClient
  nobody: RawClient
  stranger: RawClient
}>('addresses of raw images')
const bytes = noise('disk', 5000)

test.before(async (context) => {
  context.site = await TrackerSite.create()
  const elsewhere = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { url } = context.tracker
  const { site } = context
  context.alice = new RawClient({ url, site, identity: await site.user('alice') })
  context.bob = new RawClient({ url, site, identity: await site.user('bob') })
  context.nobody = new RawClient({ url, site, identity: undefined })
  context.stranger = new RawClient({ url, site, identity: await elsewhere.user('mallory') })
  await elsewhere.remove()
  await context.alice.slot('disk', { hypervisor: 'bhyve,xen' })
  await context.alice.put('disk', bytes)
  await context.alice.slot('public', { unauthenticated_access: true })
  await context.alice.put('public', bytes)
})
test.after(async ({ site, tracker, alice, bob, nobody, stranger }) => {
  for (const client of [alice, bob, nobody, stranger]) client?.close()
  await tracker?.stop()
  await site?.remove()
})

const statuses = async (client: RawClient, ...paths: string[]) =>
  await Promise.all(paths.map(async (path) => (await client.get(path)).status))

test('both generations of addresses give the image, with any hypervisor that it is for', async ({
  alice,
}) => {
  const paths = ['disk', 'alice/disk', 'alice/bhyve/disk', 'alice/XEN/disk', 'alice/__hypervisor__/disk']
  for (const path of [...paths, 'bhyve/disk', '__hypervisor__/disk']) {
    const answer = await alice.get(path)
    assert.ok(answer.status === 200 && answer.body.equals(bytes), path)
  }
  assert.equal(await statuses(alice, 'vmware/disk', 'alice/vmware/disk'), [404, 404])
  assert.match(
    (await alice.get('alice/vmware/disk')).problem?.detail ?? '',
    /is for bhyve, xen and not for vmware/,
  )
})

test('a namespace goes before a hypervisor of the same name', async ({ alice, site, tracker }) => {
  const identity = await site.user('bhyve')
  const bhyve = new RawClient({ url: tracker.url, site, identity })
  await bhyve.slot('disk', { unauthenticated_access: true })
  await bhyve.put('disk', noise('of bhyve', 10))
  assert.is((await alice.get('bhyve/disk')).body.length, 10)
  assert.is((await alice.get('xen/disk')).body.length, bytes.length)
  assert.is((await alice.get('__hypervisor__/disk')).body.length, bytes.length)
  bhyve.close()
})

test('a public image is for everybody, whoever that is', async ({ nobody, stranger, bob }) => {
  for (const client of [nobody, stranger, bob]) {
    const answer = await client.get('alice/__hypervisor__/public')
    assert.ok(answer.status === 200 && answer.body.equals(bytes))
    assert.is((await client.get('alice/public', { range: 'bytes=10-19' })).body.length, 10)
  }
  assert.equal(await statuses(nobody, 'alice/public?version=1', 'alice/public?version=7'), [200, 404])
  assert.is((await nobody.get('alice/vmware/public')).status, 404)
})

test('who is nobody learns why, and not what there is', async ({ nobody, stranger }) => {
  for (const client of [nobody, stranger]) {
    const details = new Set<string | undefined>()
    for (const path of [
      'alice/disk',
      'alice/missing',
      'missing/disk',
      'public',
      'bhyve/public',
      'alice/bhyve/disk',
    ]) {
      const { status, problem } = await client.get(path)
      assert.is(status, 403, path)
      details.add(problem?.detail)
    }
    assert.is(details.size, 1)
    assert.match([...details].join(), /certificate/)
  }
})

test('who is known hears what is missing and what is closed', async ({ bob }) => {
  assert.equal(
    await statuses(bob, 'alice/disk', 'alice/missing', 'none/missing', 'disk'),
    [403, 404, 404, 404],
  )
})

test('odd names come to nothing', async ({ alice }) => {
  for (const path of [
    '..%2fdisk',
    'alice/..%2f..%2fdisk',
    '%2e%2e',
    'alice/%00',
    `${'x'.repeat(300)}`,
    'a/b/c/d',
  ]) {
    const { status, problem } = await alice.get(path)
    assert.ok([400, 404].includes(status), `${status} for ${path}`)
    assert.ok(problem !== undefined)
  }
})

test.run()
