import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { parseReference, parseTag } from '../../../src/core/reference.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; alice: TrackerClient; bob: TrackerClient }>(
  'images',
)
const key = imageKey('alice/debian')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  context.alice = context.site.client(context.tracker.url, await context.site.user('alice'))
  context.bob = context.site.client(context.tracker.url, await context.site.user('bob'))
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

test('an image can be made before anything is pushed, once', async ({ alice, bob }) => {
  const view = await alice.createImage(key)
  assert.equal(
    [view.namespace, view.name, view.owner_dn, view.tags, view.versions],
    ['alice', 'debian', '/O=Example/OU=users/CN=alice', {}, []],
  )
  assert.is((await failureOf(alice.createImage(key))).code, 'E_CONFLICT')
  assert.is((await failureOf(bob.createImage(imageKey('alice/other')))).code, 'E_NOT_AUTHORISED')
  assert.is((await failureOf(alice.createImage(imageKey('raw/other')))).code, 'E_INVALID')
})

test('an owner sees and changes its images, others do not', async ({ alice, bob }) => {
  await pushImage(alice, testImage({ seed: '1', blocks: 5 }), { to: 'alice/debian' })
  await pushImage(alice, testImage({ seed: '2', blocks: 5 }), { to: 'alice/debian' })
  await pushImage(bob, testImage({ seed: '2', blocks: 5 }), { to: 'bob/debian' })
  const listOf = async (client: TrackerClient) =>
    (await client.listImages()).map((image) => `${image.namespace}/${image.name}:${image.versions.length}`)
  assert.equal([await listOf(alice), await listOf(bob)], [['alice/debian:2'], ['bob/debian:1']])
  const stable = { ...key, tag: parseTag('stable') }
  for (const change of [
    bob.setTag({ ...stable, version: 1 }),
    bob.removeTag({ ...key, tag: parseTag('latest') }),
    bob.removeVersion({ ...key, version: 1 }),
    bob.removeImage(key.namespace, key.name),
  ]) {
    assert.is((await failureOf(change)).code, 'E_NOT_AUTHORISED')
  }
  await alice.setTag({ ...stable, version: 1 })
  assert.equal((await alice.getImage(key.namespace, key.name)).tags, { latest: 2, stable: 1 })
  await alice.removeTag(stable)
  await alice.removeVersion({ ...key, version: 2 })
  assert.is((await failureOf(alice.record(parseReference('alice/debian')))).code, 'E_NOT_FOUND')
  await alice.removeImage(key.namespace, key.name)
  assert.is((await failureOf(alice.getImage(key.namespace, key.name))).code, 'E_NOT_FOUND')
})

test('says who is asking', async ({ bob }) => {
  const answer = await bob.whoami()
  assert.is(answer.dn, '/O=Example/OU=users/CN=bob')
  assert.is(answer.admin, false)
  assert.equal(answer.namespaces, ['bob'])
})

test.run()
