import { suite } from 'uvu'
import * as assert from 'uvu/assert'
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
const test = suite<Context>('sharing')

test.before(async (context) => {
  context.registry = await Registry.start({ users: ['alice', 'bob', 'carol', 'admin'] })
  const { registry } = context
  await registry.group('physics', { members: ['alice', 'bob'] })
  await registry.group('strangers', { members: ['carol'] })
  context.alice = await registry.user('alice')
  context.bob = await registry.user('bob')
  context.carol = await registry.user('carol')
  context.admin = await registry.user('admin')
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

const status = async (answer: Promise<{ status: number; text: string }>) => {
  const { status: code, text } = await answer
  if (code === 200) assert.is(text, '')
  return code
}

test('sharing with a user lets that one read, until it is taken back', async ({ alice, bob, carol }) => {
  await alice.post('/api/images', { name: 'a' })
  for (const path of ['/api/images/a/share/user/bob', '/api/images/alice/a/share/user/bob']) {
    assert.is((await bob.get('/api/images/alice/a')).status, 403)
    assert.is(await status(alice.post(path)), 200)
    assert.is(await status(alice.form(path, {})), 200, 'again')
    assert.is((await bob.get('/api/images/alice/a')).status, 200)
    assert.is((await carol.get('/api/images/alice/a')).status, 403)
    assert.is((await bob.form('/api/images/alice/a', { description: 'x' })).status, 403, 'reads only')
    assert.is(await status(alice.delete(path)), 200)
    assert.is(await status(alice.delete(path)), 200, 'again')
  }
})

test('sharing with a group lets its members read', async ({ alice, bob, carol }) => {
  await alice.post('/api/images', { name: 'b' })
  for (const path of ['/api/images/b/share/group/physics', '/api/images/alice/b/share/group/physics']) {
    assert.is(await status(alice.post(path)), 200)
    assert.is((await bob.get('/api/images/alice/b')).status, 200)
    assert.is((await carol.get('/api/images/alice/b')).status, 403)
    assert.is(await status(alice.delete(path)), 200)
    assert.is((await bob.get('/api/images/alice/b')).status, 403)
  }
})

test('the group of all users makes an image public', async ({ alice, carol }) => {
  await alice.post('/api/images', { name: 'all' })
  await alice.post('/api/images/all/share/group/users')
  assert.is((await carol.get('/api/images/alice/all')).json.permission, 'public')
})

test('a user or group that does not exist is 400, an image that does not 404', async ({ alice }) => {
  await alice.post('/api/images', { name: 'c' })
  for (const kind of ['user', 'group']) {
    assert.is((await alice.post(`/api/images/c/share/${kind}/nobody-here`)).status, 400)
    assert.is((await alice.delete(`/api/images/c/share/${kind}/nobody-here`)).status, 400)
    assert.is((await alice.post(`/api/images/nothing/share/${kind}/physics`)).status, 404)
    assert.is((await alice.delete(`/api/images/alice/nothing/share/${kind}/physics`)).status, 404)
    assert.is((await alice.post(`/api/images/c/share/${kind}/a%2fb`)).status, 400)
  }
  assert.is((await alice.post('/api/images/c/share/node/hv-1')).status, 404, 'nodes are in the ACL')
})

test('only its keepers share an image, with groups that they are in', async (context) => {
  const { alice, bob, carol, admin, registry } = context
  await alice.post('/api/images', { name: 'd' })
  await alice.post('/api/images/d/share/user/bob')
  for (const caller of [bob, carol, registry.nobody(), await registry.node('hv-1')]) {
    assert.is((await caller.post('/api/images/alice/d/share/user/carol')).status, 403)
    assert.is((await caller.delete('/api/images/alice/d/share/user/bob')).status, 403)
  }
  assert.is((await alice.post('/api/images/d/share/group/strangers')).status, 403)
  assert.is((await admin.post('/api/images/alice/d/share/group/strangers')).status, 200)
  assert.is((await carol.get('/api/images/alice/d')).status, 200)
})

test('who shares sees with whom, others see only themselves', async ({ alice, bob, carol }) => {
  await alice.post('/api/images', { name: 'e' })
  for (const share of ['user/bob', 'user/carol', 'group/physics'])
    await alice.post(`/api/images/e/share/${share}`)
  const names = async (caller: RegistryCaller) => {
    const { users, groups } = (await caller.get('/api/images/alice/e')).json.shared_with
    return [...users, ...groups].map((url: string) => url.replace(/^https:.*\/api\//, ''))
  }
  assert.equal(await names(alice), ['users/bob', 'users/carol', 'groups/physics'])
  assert.equal(await names(bob), ['users/bob', 'groups/physics'])
  assert.equal(await names(carol), ['users/carol'])
})

test('sharing and taking back stand in the history, once each', async ({ alice }) => {
  await alice.post('/api/images', { name: 'f' })
  for (let i = 0; i < 2; i++) await alice.post('/api/images/f/share/user/bob')
  for (let i = 0; i < 2; i++) await alice.delete('/api/images/f/share/user/bob')
  const { entries } = (await alice.get('/api/images/alice/f/history')).json
  assert.equal(
    entries.map(({ action }: { action: string }) => action),
    ['created', 'shared', 'unshared'],
  )
})

test('sharing keeps a right that is stronger, and taking back takes it all', async (context) => {
  const { alice, bob, registry } = context
  await alice.post('/api/images', { name: 'g' })
  const { uuid } = (await alice.get('/api/images/g')).json
  await alice.post('/api/images/g/share/user/bob')
  await alice.post('/api/images/g/share/user/bob')
  assert.is((await bob.get('/api/images/alice/g')).json.uuid, uuid)
  await alice.delete('/api/images/g/share/user/bob')
  const { json } = await alice.get('/api/images/g')
  assert.equal(json.shared_with.users, [])
  assert.ok(registry)
})

test('what is unshared, locked, expired or removed stops at the next request', async (context) => {
  const { alice, bob, registry } = context
  const client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
  await pushImage(client, testImage({ seed: 'stop', blocks: 3 }), { to: 'alice/stop' })
  const raw = () => bob.get('/api/images/raw/alice/stop')
  const share = () => alice.post('/api/images/stop/share/user/bob')
  const stops: [() => Promise<unknown>, () => Promise<unknown>, number][] = [
    [() => alice.delete('/api/images/stop/share/user/bob'), share, 403],
    [
      () => alice.post('/api/images/stop', { state: 'locked' }),
      () => alice.post('/api/images/stop', { state: 'available' }),
      403,
    ],
    [
      () => alice.post('/api/images/stop', { expires: '2001-01-01' }),
      () => alice.post('/api/images/stop', { expires: '' }),
      403,
    ],
    [() => alice.delete('/api/images/stop'), share, 404],
  ]
  await share()
  for (const [stop, goOn, refused] of stops) {
    assert.is((await raw()).status, 200)
    await stop()
    assert.is((await raw()).status, refused)
    await goOn()
  }
})

test.run()
