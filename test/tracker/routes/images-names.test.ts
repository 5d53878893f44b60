import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { METADATA_FIELDS } from '../../../src/core/metadata.ts'
import { Registry, type RegistryCaller } from '../../fixtures/registry-site.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { pushImage } from '../../fixtures/tracker.ts'

interface Context {
  registry: Registry
  alice: RegistryCaller
  bob: RegistryCaller
}
const test = suite<Context>('names and fields of images')

test.before(async (context) => {
  context.registry = await Registry.start({ users: ['alice', 'bob'] })
  context.alice = await context.registry.user('alice')
  context.bob = await context.registry.user('bob')
})
test.after(async ({ registry }) => {
  await registry?.stop()
})

/** Words of the paths, of namespaces that exist, and of JavaScript. */
const WORDS = [
  ...[
    'share',
    'user',
    'group',
    'versions',
    'tags',
    'record',
    'history',
    'acl',
    'uploads',
    'raw',
    'images',
    'api',
  ],
  ...[
    'alice',
    'bob',
    'admins',
    '__hypervisor__',
    'latest',
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
  ],
  ...['.a', 'a..b', '-', '--help', '_', '0', 'null', 'x'.repeat(128)],
]

test('a word of the paths is a name like any other, in both forms of path', async ({ alice, bob }) => {
  for (const name of WORDS) {
    const made = await alice.form('/api/images', { name })
    assert.is(made.status, 201, `${name}: ${made.text}`)
    assert.is((await alice.form(`/api/images/${name}`, { description: name })).status, 200, name)
    const { json } = await alice.get(`/api/images/alice/${name}`)
    assert.equal([json.name, json.namespace, json.description], [name, 'alice', name])
    assert.is((await alice.post(`/api/images/${name}/share/user/bob`)).status, 200, name)
    assert.is((await bob.get(`/api/images/alice/${name}`)).json.name, name)
    assert.is((await alice.delete(`/api/images/alice/${name}/share/user/bob`)).status, 200, name)
    assert.is((await bob.get(`/api/images/${name}`)).status, 404, 'and bob has none of that name')
    assert.is((await alice.delete(`/api/images/${name}`)).status, 200, name)
  }
})

test('images of two users with one name are two images', async ({ alice, bob }) => {
  await alice.form('/api/images', { name: 'bob', description: 'of alice' })
  await bob.form('/api/images', { name: 'bob', description: 'of bob' })
  await bob.form('/api/images', { name: 'alice', description: 'of bob too' })
  assert.is((await alice.get('/api/images/bob')).json.description, 'of alice')
  assert.is((await bob.get('/api/images/bob')).json.description, 'of bob')
  assert.is((await bob.get('/api/images/bob/alice')).json.description, 'of bob too')
  assert.is((await bob.get('/api/images/alice/bob')).status, 403)
  // No separator joins namespace and name: a_b/c and a/b_c are apart.
  await alice.form('/api/images', { name: 'b_c', namespace: 'site_a' })
  await alice.form('/api/images', { name: 'a_b_c', namespace: 'site' })
  assert.is((await alice.get('/api/images/site_a/b_c')).json.name, 'b_c')
  assert.is((await alice.get('/api/images/site/a_b_c')).json.name, 'a_b_c')
})

test('ambiguous names and traversal in a path are 400 or 404, and touch nothing', async ({
  alice,
  bob,
  registry,
}) => {
  const client = registry.site.client(registry.tracker.url, await registry.identity('bob'))
  await pushImage(client, testImage({ seed: 'secret', blocks: 2 }), { to: 'bob/secret' })
  const odd = [
    ...[
      '..',
      '.',
      '...',
      '%2e%2e',
      '%2E%2E',
      '%00',
      'a%00b',
      '%2f',
      'a%2fb',
      '..%2fbob%2fsecret',
      '%5c..',
      '%252e%252e',
    ],
    ...[
      'caf%C3%A9',
      '%F0%9F%92%BE',
      '%e2%80%ae',
      '%ff',
      '%zz',
      '%',
      'a%20b',
      'a+b',
      'a;b',
      'a:b',
      'a@b',
      'a~b',
    ],
    ...['x'.repeat(129), 'x'.repeat(300), '%0d%0aX:y', '%27%20or%201=1--', '$(id)', '`id`', '*', '{a}'],
  ]
  for (const name of odd) {
    for (const path of [
      `/api/images/${name}`,
      `/api/images/alice/${name}`,
      `/api/images/${name}/x`,
      `/api/images/${name}/share/user/bob`,
    ]) {
      for (const answer of [
        await alice.get(path),
        await alice.form(path, { description: 'x' }),
        await alice.delete(path),
      ])
        assert.ok([400, 404].includes(answer.status) && answer.code !== undefined, `${path}: ${answer.text}`)
    }
    const { status, text } = await alice.post('/api/images', { name: safelyDecoded(name) })
    assert.ok(status === 400, `${name}: ${status} ${text}`)
  }
  for (const path of [
    '/api/images/alice/../bob/secret',
    '/api/images/./bob/secret',
    '//api/images/bob/secret',
    '/api/images//secret',
  ])
    assert.ok([400, 403, 404].includes((await alice.get(path)).status), path)
  assert.is((await bob.get('/api/images/secret')).json.version, 1)
})

function safelyDecoded(text: string): string {
  try {
    const decoded = decodeURIComponent(text)
    return /^[\w.-]+$/.test(decoded) && !/^\.+$/.test(decoded) && decoded.length <= 128
      ? `${decoded}/`
      : decoded
  } catch {
    return `${text}%`
  }
}

const FIELDS = METADATA_FIELDS.flatMap(({ name, aliases }) => [name, ...aliases])
/** Names of fields as often as not, and values as users, clients and attackers have them. */
const field = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...FIELDS) },
  fc.string().map((key) => `property.${key}`),
  fc.constantFrom('__proto__', 'constructor', 'properties', 'toString', 'property.', 'property.__proto__'),
  fc.string({ unit: 'binary' }),
)
const value = fc.oneof(
  fc.constantFrom(
    '',
    'True',
    'false',
    '1',
    '-1',
    'public',
    'locked',
    '2030-01-01',
    '1e999',
    '9'.repeat(40),
    'a,b',
    'NaN',
  ),
  fc.constantFrom(
    "'; drop table images; --",
    '$(id)',
    '{{7*7}}',
    '../../etc/passwd',
    '\0',
    '\u202e',
    '\ud800',
  ),
  fc.string({ unit: 'binary', maxLength: 200 }),
)

test('whatever stands in a form, the answer is one that is promised, and the image stays readable', async ({
  alice,
}) => {
  await alice.form('/api/images', { name: 'fuzzed' })
  await fc.assert(
    fc.asyncProperty(fc.dictionary(field, value, { maxKeys: 5, noNullPrototype: true }), async (fields) => {
      const { name, owner, namespace, read_only, ...rest } = fields
      const { status, text } = await alice.form('/api/images/fuzzed', rest)
      assert.ok([200, 400, 403, 409].includes(status), `${status} ${text}`)
      await alice.form('/api/images/fuzzed', { read_only: 'false', state: '' })
      await alice.form('/api/images/fuzzed', { read_only: 'false' })
      const moved = status === 200 && (await alice.get('/api/images/fuzzed')).status === 404
      if (moved) await alice.form('/api/images', { name: 'fuzzed' })
      const shown = await alice.get('/api/images/fuzzed')
      assert.is(shown.status, 200, shown.text)
    }),
    { numRuns: 150, interruptAfterTimeLimit: 30_000 },
  )
})

test('whatever stands in JSON, the answer is one that is promised', async ({ alice }) => {
  const body = fc.dictionary(field, fc.oneof(value, fc.jsonValue({ maxDepth: 2 })), {
    maxKeys: 5,
    noNullPrototype: true,
  })
  await fc.assert(
    fc.asyncProperty(body, async (fields) => {
      const { status, text } = await alice.post('/api/images', fields)
      assert.ok([201, 400, 403, 409].includes(status), `${status} ${text}`)
    }),
    { numRuns: 150, interruptAfterTimeLimit: 30_000 },
  )
})

test('a body that is none is 400, of another type 415, and one that is too long 413', async ({ alice }) => {
  assert.is((await alice.post('/api/images', [] as never)).status, 400)
  assert.is((await alice.post('/api/images', 'name' as never)).status, 400)
  assert.is((await alice.post('/api/images', null as never)).status, 400)
  assert.is((await alice.form('/api/images', { name: 'x', description: 'x'.repeat(70_000) })).status, 413)
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`property.k${i}`, 'v']))
  assert.is((await alice.form('/api/images', { name: 'many', ...many })).status, 400)
})

test.run()
