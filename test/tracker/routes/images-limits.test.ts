import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import type { Tag } from '../../../src/core/reference.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

interface Context {
  registry: Registry
  clock: FakeClock
  alice: RegistryCaller
  bob: RegistryCaller
  admin: RegistryCaller
  client: TrackerClient
}
const test = suite<Context>('read-only and expired images')
const DAY_MS = 24 * 3_600_000

test.before(async (context) => {
  context.clock = new FakeClock(Date.now())
  context.registry = await Registry.start({ users: ['alice', 'bob', 'admin'], clock: context.clock })
  const { registry } = context
  context.alice = await registry.user('alice')
  context.bob = await registry.user('bob')
  context.admin = await registry.user('admin')
  context.client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

const image = (seed: string) => testImage({ seed, blocks: 3 })

/** Everything that changes an image, with the status that it has where nothing forbids it. */
function changes({ alice, admin, client }: Context, name: string): [string, () => Promise<number>][] {
  const at = `/api/images/alice/${name}`
  const key = imageKey(`alice/${name}`)
  const statusOf = async (promise: Promise<unknown>) => {
    const code = await promise.then(
      () => undefined,
      (error) => error.code,
    )
    return code === undefined ? 200 : code === 'E_STATE' ? 409 : 500
  }
  return [
    ['metadata', async () => (await alice.form(at, { description: 'x' })).status],
    ['a free pair', async () => (await alice.form(at, { 'property.x': 'y' })).status],
    ['state', async () => (await alice.form(at, { state: 'available' })).status],
    ['expires', async () => (await alice.form(at, { expires: '' })).status],
    ['access', async () => (await alice.form(at, { unauthenticated_access: 'False' })).status],
    ['by an admin', async () => (await admin.form(at, { description: 'x' })).status],
    ['a tag', async () => await statusOf(client.setTag({ ...key, tag: 'x' as Tag, version: 1 }))],
    ['no tag', async () => await statusOf(client.removeTag({ ...key, tag: 'x' as Tag }))],
    ['an upload', async () => await statusOf(pushImage(client, image('more'), { to: `alice/${name}` }))],
    ['a version', async () => await statusOf(client.removeVersion({ ...key, version: 2 }))],
    ['a version by parameter', async () => (await alice.delete(`${at}?version=1`)).status],
    ['a rename', async () => (await alice.form(at, { name: `${name}-2` })).status],
    ['a rename back', async () => (await alice.form(`${at}-2`, { name })).status],
    ['a move', async () => (await admin.form(at, { owner: 'alice' })).status],
    ['removal', async () => (await alice.delete(at)).status],
  ]
}

test('a read-only image takes no change at all, by nobody, until that is unset', async (context) => {
  const { alice, client } = context
  await pushImage(client, image('1'), { to: 'alice/kept' })
  await alice.form('/api/images/kept', { read_only: 'True', description: 'kept' })
  const before = (await alice.get('/api/images/kept')).json
  for (const [what, change] of changes(context, 'kept')) {
    // What a rename would have made is not there.
    const refused = what === 'a rename back' ? 404 : 409
    assert.is(await change(), refused, what)
  }
  assert.equal((await alice.get('/api/images/kept')).json, before)
})

test('who reads it, and with whom it is shared, is no change of the image', async (context) => {
  const { alice, bob } = context
  assert.is((await alice.post('/api/images/kept/share/user/bob')).status, 200)
  assert.is((await bob.get('/api/images/raw/alice/kept')).status, 200)
  assert.is((await alice.delete('/api/images/kept/share/user/bob')).status, 200)
})

test('an upload that began before it became read only ends with nothing', async ({ alice, client }) => {
  const { namespace, name } = imageKey('alice/late')
  const upload = await client.openUpload(namespace, name)
  const { blocks, nodes, manifestId } = image('late')
  await upload.put([...blocks, ...nodes])
  await alice.form('/api/images/late', { read_only: 'true' })
  assert.is((await failureOf(upload.commit(manifestId, { tags: [] }))).code, 'E_STATE')
  assert.is((await alice.get('/api/images/late')).json.version, 0)
})

test('saying again that it is read only is no change; unsetting it may come with others', async ({
  alice,
}) => {
  assert.is((await alice.form('/api/images/kept', { read_only: 'True' })).status, 409)
  assert.is((await alice.form('/api/images/kept', { read_only: 'False', description: 'free' })).status, 200)
  const { read_only, description } = (await alice.get('/api/images/kept')).json
  assert.equal([read_only, description], [false, 'free'])
})

test('then everything works again', async (context) => {
  for (const [what, change] of changes(context, 'kept')) assert.is(await change(), 200, what)
})

test('an image expires for everybody but its owner and admins, in every way', async (context) => {
  const { alice, bob, admin, client, clock, registry } = context
  await pushImage(client, image('old'), { to: 'alice/old' })
  await alice.post('/api/images/old/share/user/bob')
  const expires = new Date(clock.now() + DAY_MS).toISOString()
  await alice.form('/api/images/old', { expires, unauthenticated_access: 'True' })
  const seen = async (caller: RegistryCaller) => [
    (await caller.get('/api/images/alice/old')).status,
    (await caller.get('/api/images/raw/alice/old')).status,
    (await caller.get('/api/images/alice/old/record')).status,
    (await caller.get('/api/images?name=old')).json.images?.length,
  ]
  const nobody = registry.nobody()
  assert.equal(await seen(bob), [200, 200, 200, 1])
  assert.is((await nobody.get('/api/images/raw/alice/old')).status, 200)
  await clock.leap(DAY_MS)
  assert.equal(await seen(bob), [403, 403, 403, 0])
  assert.is((await nobody.get('/api/images/raw/alice/old')).status, 403)
  assert.equal(await seen(alice), [200, 200, 200, 1])
  assert.equal(await seen(admin), [200, 200, 200, 1])
  await alice.form('/api/images/old', { expires: '' })
  assert.equal(await seen(bob), [200, 200, 200, 1])
})

test.run()
