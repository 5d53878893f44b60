import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

interface Context {
  registry: Registry
  alice: RegistryCaller
  bob: RegistryCaller
  admin: RegistryCaller
}
const test = suite<Context>('listing images')

test.before(async (context) => {
  context.registry = await Registry.start({ users: ['alice', 'bob', 'admin'] })
  const { registry } = context
  await registry.group('physics', { members: ['alice', 'bob'] })
  context.alice = await registry.user('alice')
  context.bob = await registry.user('bob')
  context.admin = await registry.user('admin')
  const { alice, bob } = context
  await alice.post('/api/images', {
    name: 'one',
    os: 'Debian 12',
    arch: 'x86_64',
    hypervisor: 'kvm,xen',
    keywords: 'gpu',
  })
  await alice.post('/api/images', {
    name: 'two',
    os: 'Debian 11',
    arch: 'arm64',
    properties: { site: 'CERN' },
  })
  await alice.post('/api/images', { name: 'group', namespace: 'physics' })
  await bob.post('/api/images', { name: 'open', unauthenticated_access: true })
  await bob.post('/api/images', { name: 'closed' })
  const client = registry.site.client(registry.tracker.url, await registry.identity('alice'))
  await pushImage(client, testImage({ seed: 'list', blocks: 4 }), { to: 'alice/two' })
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

const paths = (urls: string[]) =>
  urls.map((url) => url.replace(/^https:\/\/tracker\.testnet:\d+\/api\/images\//, ''))
const names = (images: { namespace: string; name: string }[]) =>
  images.map(({ namespace, name }) => `${namespace}/${name}`)

test('without parameters it is an array of addresses, as Repoman has it', async ({ alice, admin }) => {
  const { status, json, headers } = await alice.get('/api/images')
  assert.is(status, 200)
  assert.match(String(headers['content-type']), 'json')
  assert.equal(paths(json), ['alice/one', 'alice/two', 'bob/open', 'physics/group'])
  assert.equal(paths((await admin.get('/api/images')).json), [
    ...['alice/one', 'alice/two', 'bob/closed', 'bob/open', 'physics/group'],
  ])
})

test('names of images are not for everybody: each asker gets its own list', async (context) => {
  const { alice, bob, registry } = context
  assert.equal(paths((await bob.get('/api/images')).json), ['bob/closed', 'bob/open', 'physics/group'])
  assert.is((await registry.nobody().get('/api/images')).status, 403)
  assert.is((await registry.nobody().get('/api/images?view=objects')).status, 403)
  for (const query of [
    'view=objects',
    'q=*',
    'q=name',
    'sort=name',
    'name=closed',
    'q=where name~/closed/',
    'fields=name',
  ]) {
    const { status, text } = await alice.get(`/api/images?${encodeURI(query)}`)
    assert.is(status, 200, text)
    assert.not.match(text, 'closed', query)
  }
})

test('nodes see what the group of nodes may read', async ({ registry }) => {
  const node = await registry.node('hv-1')
  assert.equal(paths((await node.get('/api/images')).json).length, 5)
})

test('view=objects gives what asking for each gives', async ({ alice }) => {
  const { images, next } = (await alice.get('/api/images?view=objects')).json
  assert.is(next, null)
  assert.equal(names(images), ['alice/one', 'alice/two', 'bob/open', 'physics/group'])
  for (const image of images)
    assert.equal(image, (await alice.get(`/api/images/${image.namespace}/${image.name}`)).json)
  assert.not('owner_dn' in images[2], 'of bob')
  assert.ok('owner_dn' in images[0])
})

test('VISOR’s filters, order and pages', async ({ alice }) => {
  const find = async (query: string) => (await alice.get(`/api/images?view=objects&${query}`)).json
  assert.equal(names((await find('architecture=x86_64')).images), ['alice/one'])
  assert.equal(names((await find('hypervisor=xen&owner=alice')).images), [
    'alice/one',
    'alice/two',
    'physics/group',
  ])
  assert.equal(names((await find('site=CERN')).images), ['alice/two'])
  assert.equal(names((await find('sort=name&dir=desc&limit=2')).images), ['alice/two', 'bob/open'])
  const page = await find('sort=name&dir=desc&limit=2')
  assert.is(page.next, 2)
  assert.equal(names((await find(`sort=name&dir=desc&limit=2&offset=${page.next}`)).images), [
    'alice/one',
    'physics/group',
  ])
})

test('queries show the fields that they name, under the names that they use', async ({ alice }) => {
  const find = async (q: string, more = '') =>
    (await alice.get(`/api/images?q=${encodeURIComponent(q)}${more}`)).json
  const uuidOf = async (name: string) => (await alice.get(`/api/images/${name}`)).json.uuid
  assert.equal(await find('imgId,os where os~/^debian 1[12]$/i order by os'), {
    images: [
      { imgId: await uuidOf('two'), os: 'Debian 11' },
      { imgId: await uuidOf('one'), os: 'Debian 12' },
    ],
    next: null,
  })
  const { size } = (await alice.get('/api/images/two')).json
  assert.equal((await find('name,size,keywords where size>0')).images, [{ name: 'two', size, keywords: [] }])
  const row = (await find('* where name=open')).images[0]
  assert.equal(
    [row.unauthenticated_access, row.hypervisor, row.properties, row.expires],
    [true, ['xen'], {}, null],
  )
  assert.match(row.http_file_url, /\/api\/images\/raw\/bob\/__hypervisor__\/open$/)
  assert.match(row.created, /^\d{4}-\d\d-\d\dT/)
  assert.equal((await find('where name=one', '&fields=name,arch')).images, [{ name: 'one', arch: 'x86_64' }])
  assert.equal(Object.keys((await find('http_file_url where name=open')).images[0]), ['http_file_url'])
})

test('what is wrong with a search is 400', async ({ alice }) => {
  for (const query of [
    ...[
      'q=where',
      'q=name where colour=blue',
      'q=where name~/(/',
      'view=all',
      'limit=0',
      'limit=x',
      'dir=up',
    ],
    ...['sort=a b', 'q=name&fields=name', 'view=objects&fields=name', 'fields=name limit 1', 'name=a&name=b'],
    ...['q=*&q=*', 'size=big', `q=${'x'.repeat(5000)}`, '__proto__=1'],
  ]) {
    const { status, text } = await alice.get(`/api/images?${encodeURI(query)}`)
    assert.is(status, 400, `${query}: ${text.slice(0, 200)}`)
  }
})

test('answers come as XML when that is asked for', async ({ alice }) => {
  const { headers, text } = await alice.get('/api/images/one', { accept: 'application/xml' })
  assert.match(String(headers['content-type']), 'application/xml')
  assert.match(text, '<os_variant>Debian 12</os_variant>')
  assert.match(
    (await alice.get('/api/images?format=xml')).text,
    /<image>https:[^<]*\/api\/images\/alice\/one<\/image>/,
  )
  assert.equal((await alice.get('/api/images?format=qcow2')).json, { images: [], next: null })
})

test('nothing of one request is seen by another: askers in turn get their own answers', async ({
  alice,
  bob,
}) => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? alice : bob).get('/api/images?view=objects')),
  )
  for (const [i, { json }] of answers.entries())
    assert.is(names(json.images).includes('alice/one'), i % 2 === 0)
})

test.run()
