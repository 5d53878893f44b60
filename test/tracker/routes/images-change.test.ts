import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseReference } from '../../../src/core/reference.ts'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

interface Context {
  registry: Registry
  alice: RegistryCaller
  bob: RegistryCaller
  carol: RegistryCaller
  admin: RegistryCaller
}
const test = suite<Context>('changing images')

test.before(async (context) => {
  const users = ['alice', 'bob', 'carol', 'admin', 'editor', 'helper']
  context.registry = await Registry.start({ users })
  const { registry } = context
  await registry.group('physics', { members: ['alice', 'bob', 'helper'] })
  await registry.group('editors', { members: ['editor'], permissions: ['image_modify', 'image_delete'] })
  await registry.group('helpers', {
    members: ['helper'],
    permissions: ['image_modify_group', 'image_delete_group'],
  })
  context.alice = await registry.user('alice')
  context.bob = await registry.user('bob')
  context.carol = await registry.user('carol')
  context.admin = await registry.user('admin')
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

async function push({ registry }: Context, to: string, seed = to): Promise<string> {
  const [owner = ''] = to.split('/')
  const client = registry.site.client(registry.tracker.url, await registry.identity(owner))
  return (await pushImage(client, testImage({ seed, blocks: 3 }), { to })).record
}

test('a change says nothing and changes what is given, no more', async ({ alice }) => {
  await alice.post('/api/images', { name: 'a', description: 'old', os_type: 'linux', properties: { x: '1' } })
  const answer = await alice.form('/api/images/a', {
    ...{ description: 'new', os_arch: 'x86_64', hypervisor: 'kvm', keywords: 'one, two', imgType: 'machine' },
    ...{ format: 'qcow2', kernel: 'alice/kernel:6', 'property.y': '2', expires: '2030-12-31' },
  })
  assert.equal([answer.status, answer.text, answer.headers['content-length']], [200, '', '0'])
  const { json } = await alice.get('/api/images/alice/a')
  assert.equal(
    [
      json.description,
      json.os_type,
      json.os_arch,
      json.hypervisor,
      json.keywords,
      json.image_type,
      json.format,
    ],
    ['new', 'linux', 'x86_64', 'kvm', ['one', 'two'], 'machine', 'qcow2'],
  )
  assert.equal(
    [json.kernel, json.properties, json.expires],
    ['alice/kernel:6', { x: '1', y: '2' }, 'Tue Dec 31 00:00:00 2030'],
  )
  await alice.form('/api/images/alice/a', { description: '', 'property.x': '', expires: '', hypervisor: '' })
  const cleared = (await alice.get('/api/images/a')).json
  assert.equal(
    [cleared.description, cleared.properties, cleared.expires, cleared.hypervisor],
    [null, { y: '2' }, null, 'xen'],
  )
})

test('a request with one wrong field changes nothing', async ({ alice }) => {
  await alice.post('/api/images', { name: 'whole', description: 'old' })
  for (const wrong of [
    { description: 'new', colour: 'blue' },
    { description: 'new', read_only: 'perhaps' },
    { description: 'new', owner: 'nobody-here' },
    { description: 'new', owner: '' },
    { description: 'new', name: 'a/b' },
    { description: 'new', uuid: '1' },
    { description: 'x'.repeat(5000) },
    { description: 'nul\0' },
  ])
    assert.is((await alice.form('/api/images/whole', wrong)).status, 400, JSON.stringify(wrong))
  assert.is((await alice.get('/api/images/whole')).json.description, 'old')
  assert.is((await alice.post('/api/images/whole', {})).status, 200)
  assert.is((await alice.post('/api/images/whole', { description: ['x'] })).status, 400)
  assert.is((await alice.post('/api/images/whole', { description: { x: 1 } })).status, 400)
})

test("an image that does not exist is 404, somebody else's is 403", async ({ alice, bob, registry }) => {
  await alice.post('/api/images', { name: 'private' })
  for (const path of ['/api/images/nothing', '/api/images/alice/nothing', '/api/images/nobody/nothing']) {
    assert.is((await alice.get(path)).status, 404)
    assert.is((await alice.form(path, { description: 'x' })).status, 404)
    assert.is((await alice.delete(path)).status, 404)
  }
  const path = '/api/images/alice/private'
  const outsiders = [bob, registry.nobody(), await registry.node('hv-9'), await registry.user('carol')]
  for (const caller of outsiders) {
    assert.is((await caller.form(path, { description: 'x' })).status, 403)
    assert.is((await caller.delete(path)).status, 403)
  }
  assert.is((await bob.get(path)).status, 403)
  assert.is((await registry.nobody().get(path)).status, 403)
  assert.is((await registry.nobody().get('/api/images/alice/nothing')).status, 403)
})

test('permissions of groups allow changing and removing', async (context) => {
  const { alice, carol, registry } = context
  await alice.post('/api/images', { name: 'of-alice' })
  await carol.post('/api/images', { name: 'of-carol' })
  const [editor, helper] = [await registry.user('editor'), await registry.user('helper')]
  assert.is((await editor.form('/api/images/alice/of-alice', { description: 'edited' })).status, 200)
  assert.is((await editor.form('/api/images/alice/of-alice', { name: 'renamed' })).status, 200)
  assert.is((await helper.form('/api/images/alice/renamed', { description: 'helped' })).status, 200)
  assert.is((await helper.form('/api/images/carol/of-carol', { description: 'helped' })).status, 403)
  assert.is((await helper.delete('/api/images/carol/of-carol')).status, 403)
  assert.is((await helper.delete('/api/images/alice/renamed')).status, 200)
  assert.is((await editor.delete('/api/images/carol/of-carol')).status, 200)
})

test('a renamed image keeps tags, versions and sharing; its records have the new name', async (context) => {
  const { alice, bob, registry } = context
  await push(context, 'alice/first', '1')
  await push(context, 'alice/first', '2')
  await alice.post('/api/images/alice/first/share/user/bob')
  const before = (await alice.get('/api/images/first')).json
  assert.is((await alice.form('/api/images/first', { name: 'second', description: 'moved' })).status, 200)
  assert.is((await alice.get('/api/images/first')).status, 404)
  const after = (await bob.get('/api/images/alice/second')).json
  assert.equal([after.uuid, after.tags, after.description], [before.uuid, before.tags, 'moved'])
  assert.equal(after.versions, before.versions)
  const client = registry.site.client(registry.tracker.url, await registry.identity('bob'))
  const record = await client.record(parseReference('alice/second@1'))
  const claims = JSON.parse(Buffer.from(record.split('.')[1] ?? '', 'base64url').toString())
  assert.equal([claims.name, claims.version, claims.manifest], ['second', 1, before.versions[0].manifest])
})

test('what takes a name that was left goes on after its numbers', async (context) => {
  const { alice } = context
  await push(context, 'alice/old', '1')
  await alice.form('/api/images/old', { name: 'other' })
  await push(context, 'alice/old', '2')
  assert.equal((await alice.get('/api/images/old')).json.tags, { latest: 2 })
  assert.equal((await alice.get('/api/images/other')).json.tags, { latest: 1 })
})

test('a name that is taken is a conflict, and of two renames at once one succeeds', async ({ alice }) => {
  for (const name of ['one', 'two']) await alice.post('/api/images', { name })
  assert.is((await alice.form('/api/images/one', { name: 'two' })).status, 409)
  assert.is((await alice.form('/api/images/one', { name: 'one' })).status, 200)
  const both = await Promise.all(
    ['one', 'two'].map((name) => alice.form(`/api/images/${name}`, { name: 'three' })),
  )
  assert.equal(both.map(({ status }) => status).sort(), [200, 409])
})

test('a push that runs while its image is renamed signs the new name', async (context) => {
  const { alice, registry } = context
  const client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
  const image = testImage({ seed: 'running', blocks: 3 })
  const { namespace, name } = parseReference('alice/running')
  const upload = await client.openUpload(namespace, name)
  await upload.put([...image.blocks, ...image.nodes])
  await alice.form('/api/images/running', { name: 'run' })
  const { record } = await upload.commit(image.manifestId, { tags: [] })
  const claims = JSON.parse(Buffer.from(record.split('.')[1] ?? '', 'base64url').toString())
  assert.is(claims.name, 'run')
})

test('a new owner gets the image into the own namespace, where the giver must be allowed to write', async (context) => {
  const { alice, bob, admin } = context
  await push(context, 'alice/gift')
  assert.is((await alice.form('/api/images/gift', { owner: 'bob' })).status, 403)
  assert.is((await alice.form('/api/images/gift', { owner: 'nobody-here' })).status, 400)
  await bob.post('/api/images', { name: 'gift' })
  assert.is((await admin.form('/api/images/alice/gift', { owner: 'bob' })).status, 409)
  assert.is((await admin.form('/api/images/alice/gift', { owner: 'bob', name: 'gift-2' })).status, 200)
  const { json } = await bob.get('/api/images/gift-2')
  assert.equal([json.namespace, json.owner_user_name, json.tags], ['bob', 'bob', { latest: 1 }])
  assert.is((await alice.get('/api/images/bob/gift-2')).status, 403)
})

test('what is given to somebody counts against their quota, and nothing changes when it does not fit', async (context) => {
  const { admin, alice, carol } = context
  await push(context, 'alice/heavy')
  const owned = (await carol.get('/api/users/carol/images')).json.length
  assert.is((await admin.form('/api/users/carol', { quota_images: String(owned) })).status, 200)
  const { status, code } = await admin.form('/api/images/alice/heavy', { owner: 'carol', description: 'x' })
  assert.equal([status, code], [413, 'E_QUOTA'])
  assert.is((await carol.post('/api/images', { name: 'one-more' })).code, 'E_QUOTA')
  await admin.form('/api/users/carol', { quota_images: '', quota_bytes: '1000' })
  assert.is((await admin.form('/api/images/alice/heavy', { owner: 'carol' })).code, 'E_QUOTA')
  const { owner_user_name, description } = (await alice.get('/api/images/heavy')).json
  assert.equal([owner_user_name, description], ['alice', null])
  await admin.form('/api/users/carol', { quota_bytes: '' })
  assert.is((await admin.form('/api/images/alice/heavy', { owner: 'carol' })).status, 200)
})

test("an image moves into a group's namespace and back, and stays whose it was", async (context) => {
  const { alice, bob, carol } = context
  await push(context, 'alice/tool')
  assert.is((await carol.form('/api/images/alice/tool', { namespace: 'physics' })).status, 403)
  assert.is((await alice.form('/api/images/tool', { namespace: 'physics' })).status, 200)
  assert.is((await bob.get('/api/images/physics/tool')).json.owner_user_name, 'alice')
  assert.is((await bob.form('/api/images/physics/tool', { description: 'members write' })).status, 200)
  assert.is((await bob.form('/api/images/physics/tool', { name: 'mine' })).status, 403, 'and rename nothing')
  assert.is((await bob.delete('/api/images/physics/tool')).status, 403)
  assert.is((await alice.form('/api/images/physics/tool', { owner: 'alice' })).status, 200)
  assert.is((await alice.get('/api/images/tool')).json.namespace, 'alice')
})

test('the owner locks an image, and only who may write reads it', async (context) => {
  const { alice, bob, admin } = context
  await alice.post('/api/images', { name: 'locked' })
  await alice.post('/api/images/locked/share/user/bob')
  assert.is((await bob.get('/api/images/alice/locked')).status, 200, 'a slot hides nothing')
  assert.is((await alice.form('/api/images/locked', { state: 'available' })).code, 'E_STATE')
  await push(context, 'alice/locked')
  assert.is((await bob.get('/api/images/alice/locked')).json.state, 'available')
  assert.is((await alice.form('/api/images/locked', { imgStatus: 'locked' })).status, 200)
  assert.is((await bob.get('/api/images/alice/locked')).status, 403)
  assert.is((await bob.get('/api/images/alice/locked/record')).status, 403)
  assert.is((await bob.get('/api/images/raw/alice/locked')).status, 403)
  assert.equal((await bob.get('/api/images?name=locked')).json.images, [])
  assert.is((await alice.get('/api/images/raw/alice/locked')).status, 200)
  assert.is((await admin.get('/api/images/alice/locked')).status, 200)
  await push(context, 'alice/locked', 'again')
  assert.is((await alice.get('/api/images/locked')).json.state, 'locked')
  await alice.form('/api/images/locked', { status: 'available' })
  assert.is((await bob.get('/api/images/alice/locked')).status, 200)
  for (const state of ['uploading', 'error', 'gone'])
    assert.is((await alice.form('/api/images/locked', { state })).status, 400)
})

test('public is for every user, unauthenticated access for everybody', async (context) => {
  const { alice, bob, registry } = context
  await push(context, 'alice/open')
  const raw = '/api/images/raw/alice/open'
  assert.is((await alice.form('/api/images/open', { permission: 'public' })).status, 200)
  const seen = (await bob.get('/api/images/alice/open')).json
  assert.equal([seen.permission, seen.unauthenticated_access, seen.http_file_url], ['public', false, null])
  assert.is((await registry.nobody().get(raw)).status, 403)
  await alice.form('/api/images/open', { unauthenticated_access: 'True', access: 'private' })
  const open = (await bob.get('/api/images/alice/open')).json
  assert.equal(
    [open.unauthenticated_access, open.http_file_url.endsWith('/api/images/raw/alice/__hypervisor__/open')],
    [true, true],
  )
  assert.is((await registry.nobody().get(raw)).status, 200)
  assert.is((await registry.nobody().get('/api/images/alice/open')).status, 403)
  await alice.form('/api/images/open', { unauthenticated_access: 'False' })
  assert.is((await registry.nobody().get(raw)).status, 403)
  assert.is((await bob.get('/api/images/alice/open')).status, 403)
})

test('removing takes the image, or one version of it', async (context) => {
  const { alice } = context
  await push(context, 'alice/gone', '1')
  await push(context, 'alice/gone', '2')
  assert.is((await alice.delete('/api/images/gone?version=9')).status, 404)
  assert.is((await alice.delete('/api/images/gone?version=x')).status, 400)
  assert.is((await alice.delete('/api/images/gone?tag=latest')).status, 400)
  assert.is((await alice.delete('/api/images/gone?version=2')).status, 200)
  const { json } = await alice.get('/api/images/gone')
  assert.equal([json.versions.length, json.tags, json.state], [1, {}, 'available'])
  await alice.delete('/api/images/alice/gone?version=1')
  const empty = (await alice.get('/api/images/gone')).json
  assert.equal([empty.raw_file_uploaded, empty.state, empty.uploaded], [false, 'locked', null])
  const removed = await alice.delete('/api/images/gone')
  assert.equal([removed.status, removed.text], [200, ''])
  assert.is((await alice.get('/api/images/gone')).status, 404)
  assert.is((await alice.delete('/api/images/gone')).status, 404)
})

test.run()
