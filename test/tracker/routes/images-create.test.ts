import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'

interface Context {
  registry: Registry
  alice: RegistryCaller
  bob: RegistryCaller
  admin: RegistryCaller
}
const test = suite<Context>('making images')

test.before(async (context) => {
  context.registry = await Registry.start({ users: ['alice', 'bob', 'admin', 'carol'] })
  await context.registry.group('physics', { members: ['alice', 'bob'] })
  context.alice = await context.registry.user('alice')
  context.bob = await context.registry.user('bob')
  context.admin = await context.registry.user('admin')
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

test('a slot is made with a form, and the answer says where the bytes go', async ({ alice, registry }) => {
  const answer = await alice.form('/api/images', {
    ...{ name: 'debian', description: 'for tests', os_variant: 'Debian 12', os_type: 'linux' },
    ...{ os_arch: 'x86_64', hypervisor: 'kvm, xen', expires: 'Mon Nov 11 00:04:59 2030' },
    ...{ read_only: 'False', unauthenticated_access: 'True', 'property.ticket': 'OPS-17' },
  })
  assert.is(answer.status, 201, answer.text)
  assert.is(answer.headers['location'], '/api/images/raw/alice/__hypervisor__/debian')
  const { uuid, created, modified, ...object } = answer.json
  assert.match(uuid, /^[0-9a-f-]{36}$/)
  assert.is(created, modified)
  assert.match(created, /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4}$/)
  const base = registry.tracker.url.replace('127.0.0.1', 'tracker.testnet')
  const raw = `${base}/api/images/raw/alice/__hypervisor__/debian`
  assert.equal(object, {
    ...{ name: 'debian', namespace: 'alice', owner_user_name: 'alice', owner: `${base}/api/users/alice` },
    ...{ owner_dn: '/O=Example/OU=users/CN=alice', uploaded: null, accessed: null, access_count: 0 },
    expires: 'Mon Nov 11 00:04:59 2030',
    checksum: { type: null, value: null },
    ...{ description: 'for tests', os_variant: 'Debian 12', os_type: 'linux', os_arch: 'x86_64' },
    ...{ hypervisor: 'kvm,xen', image_type: null, format: null, kernel: null, ramdisk: null },
    ...{ keywords: [], properties: { ticket: 'OPS-17' }, state: 'locked', permission: 'public' },
    ...{ read_only: false, unauthenticated_access: true, http_file_url: raw, raw_file_uploaded: false },
    ...{ version: 0, size: null, content_bytes: null, manifest: null, file_url: raw },
    shared_with: { groups: [], users: [], nodes: [] },
    ...{ signed_by: null, tags: {}, versions: [] },
  })
})

test('what nobody says has its default', async ({ alice }) => {
  const { json } = await alice.post('/api/images', { name: 'plain' })
  const { description, hypervisor, read_only, unauthenticated_access, http_file_url, permission, expires } =
    json
  assert.equal(
    [description, hypervisor, read_only, unauthenticated_access, http_file_url, permission, expires],
    [null, 'xen', false, false, null, 'private', null],
  )
})

test('JSON has flags, lists and properties of its own', async ({ alice }) => {
  const { status, json } = await alice.post('/api/images', {
    ...{ name: 'json', keywords: ['gpu', 'cuda'], read_only: true, properties: { a: 'x', b: 'y' } },
  })
  assert.is(status, 201)
  assert.equal([json.keywords, json.read_only, json.properties], [['gpu', 'cuda'], true, { a: 'x', b: 'y' }])
})

test('a name that is taken is a conflict', async ({ alice }) => {
  await alice.post('/api/images', { name: 'once' })
  assert.is((await alice.post('/api/images', { name: 'once' })).status, 409)
})

test('of many who make one image at the same moment one succeeds', async ({ alice }) => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => alice.post('/api/images', { name: 'race' })),
  )
  assert.equal(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409, 409, 409])
})

test("creating in another user's namespace is refused, whatever the field is called", async ({
  alice,
  bob,
}) => {
  for (const place of [
    { user_name: 'bob' },
    { namespace: 'bob' },
    { owner: 'bob' },
    { owner_user_name: 'bob' },
  ]) {
    const { status, code } = await alice.form('/api/images', { name: 'mine', ...place } as Record<
      string,
      string
    >)
    assert.equal([status, code], [403, 'E_NOT_AUTHORISED'], JSON.stringify(place))
  }
  assert.is((await bob.get('/api/images/mine')).status, 404)
})

test('nobody takes the name of a user or a group for a namespace', async ({ alice }) => {
  // carol has made nothing yet, so that her namespace does not exist.
  assert.is((await alice.post('/api/images', { name: 'x', namespace: 'carol' })).status, 403)
  assert.is((await alice.post('/api/images', { name: 'x', namespace: 'admins' })).status, 403)
})

test('an admin makes images for users, who own them', async ({ admin }) => {
  const { status, json } = await admin.form('/api/images', { name: 'given', user_name: 'carol' })
  assert.equal([status, json.namespace, json.owner_user_name], [201, 'carol', 'carol'])
})

test("members make images in their group's namespace, and own them", async ({ alice, bob, registry }) => {
  const { status, json, headers } = await alice.form('/api/images', { name: 'shared', user_name: 'physics' })
  assert.equal([status, json.namespace, json.owner_user_name], [201, 'physics', 'alice'])
  assert.is(headers['location'], '/api/images/raw/physics/__hypervisor__/shared')
  assert.is((await bob.form('/api/images/physics/shared', { description: 'by bob' })).status, 200)
  const carol = await registry.user('carol')
  assert.is((await carol.post('/api/images', { name: 'x', namespace: 'physics' })).status, 403)
  assert.is((await carol.get('/api/images/physics/shared')).status, 403)
  assert.is((await alice.post('/api/images', { name: 'x', namespace: 'physics', owner: 'bob' })).status, 403)
})

test('what is wrong with a request is 400 and says which field', async ({ alice }) => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{}, /name is missing/],
    [{ name: '' }, /name must not be empty/],
    [{ name: 'a b' }, /is not a name/],
    [{ name: '..' }, /is not a name/],
    [{ name: 'x'.repeat(129) }, /is not a name/],
    [{ name: 'x', colour: 'blue' }, /there is no field "colour"/],
    [{ name: 'x', size: '5' }, /size is set by the tracker/],
    [{ name: 'x', uuid: '5' }, /uuid is set by the tracker/],
    [{ name: 'x', read_only: 'perhaps' }, /read_only must be true or false/],
    [{ name: 'x', expires: 'tomorrow' }, /expires must be a time/],
    [{ name: 'x', image_type: 'car' }, /image_type must be one of/],
    [{ name: 'x', hypervisor: '../etc' }, /hypervisor must be words/],
    [{ name: 'x', namespace: 'raw' }, /word of the interface/],
    [{ name: 'x', user_name: 'nobody-here' }, /there is no user nobody-here/],
    [{ name: 'x', owner: 'nobody-here' }, /there is no user nobody-here/],
    [{ name: 'x', os: 'a', os_variant: 'b' }, /given twice/],
    [{ name: 'x', 'property.a b': 'c' }, /is no key/],
  ]
  for (const [fields, message] of wrong) {
    const { status, json } = await alice.form('/api/images', fields)
    assert.is(status, 400, JSON.stringify(fields))
    assert.match(json.detail, message)
  }
  assert.is((await alice.get('/api/images/x')).status, 404)
})

test('a slot cannot be made available', async ({ alice }) => {
  assert.is((await alice.post('/api/images', { name: 'early', state: 'available' })).code, 'E_STATE')
  assert.is((await alice.post('/api/images', { name: 'early', state: 'locked' })).status, 201)
})

test('who may not make images makes none', async ({ registry, admin }) => {
  const refused = [registry.nobody(), await registry.node('hv-1')]
  assert.is((await admin.delete('/api/groups/users/permissions/image_create')).status, 200)
  refused.push(await registry.user('alice'))
  for (const caller of refused) assert.is((await caller.post('/api/images', { name: 'no' })).status, 403)
})

test.run()
