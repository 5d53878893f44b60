import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { parseQuery } from '../../../src/core/query-parser.ts'
import { AccessControl } from '../../../tracker/access/access-control.ts'
import type { Asker } from '../../../tracker/access/asker.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { ImageFilter } from '../../../tracker/query/image-lists.ts'
import { anonymousAsker, nodeAsker, userAsker } from '../../fixtures/askers.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeNode } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  catalog: Catalog
  dir: string
  askers: Record<string, Asker>
  remove: () => Promise<void>
}

const test = suite<Context>('visibility')
const clock = new FakeClock()
const nowMs = clock.now()
const by = { author: '/CN=root', nowMs }
const USERS = ['alice', 'bob', 'carol', 'dave']
const GROUPS: Record<string, readonly string[]> = { physics: ['alice', 'bob'], chemistry: ['carol'] }

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  Object.assign(context, { dir, remove, catalog: await openTestCatalog({ dir, clock }) })
  const { catalog } = context
  const db = new DatabaseSync(`${dir}/catalog.sqlite`)
  context.askers = { node: nodeAsker('node1'), anonymous: anonymousAsker }
  for (const name of USERS) {
    const user = await catalog.users.ensure({ dn: `/CN=${name}`, wanted: name, state: 'active', nowMs })
    await catalog.namespaces.create(imageKey(`${name}/x`).namespace, {
      owner: { kind: 'user', ...user },
      ...by,
    })
    const groups = Object.keys(GROUPS).filter((group) => GROUPS[group]?.includes(name))
    const permissions = name === 'bob' ? (['image_modify_group'] as const) : []
    context.askers[name] = userAsker(user, { groups, permissions })
  }
  for (const [group, members] of Object.entries(GROUPS)) {
    db.exec(`insert into groups (name, created_at) values ('${group}', 0)`)
    for (const member of members)
      db.exec(`insert into memberships select groups.id, users.id from groups, users
        where groups.name = '${group}' and users.name = '${member}'`)
  }
  const row = db.prepare(`select id from groups where name = 'physics'`).get()
  db.close()
  const owner = { kind: 'group', id: Number(row?.['id']), name: 'physics' } as const
  await catalog.namespaces.create(imageKey('physics/x').namespace, { owner, ...by })
  await makeNode(catalog, 'node1')
  const root = await catalog.users.ensure({ dn: '/CN=root', wanted: 'root', state: 'active', nowMs })
  context.askers['root'] = userAsker(root, { groups: ['admins'], admin: true })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function makeImage(
  catalog: Catalog,
  name: string,
  init: { owner: string; expiresMs?: number | undefined },
) {
  const owner = await catalog.users.byName(init.owner)
  assert.ok(owner)
  await catalog.images.create(imageKey(name), { owner, ...by })
  const image = await catalog.images.get(imageKey(name))
  if (init.expiresMs !== undefined)
    await catalog.changes.change(image, { fields: { expires: init.expiresMs }, properties: {} }, by)
  return await catalog.images.get(imageKey(name))
}

const entry: fc.Arbitrary<AclEntry> = fc
  .constantFrom(
    ...(['alice', 'carol', 'dave'] as const).map((subject) => ({ kind: 'user', subject }) as const),
    ...(['physics', 'chemistry', 'users', 'nodes'] as const).map(
      (subject) => ({ kind: 'group', subject }) as const,
    ),
    { kind: 'node', subject: 'node1' } as const,
    { kind: 'anyone', subject: '' } as const,
  )
  .chain((subject) => fc.constantFrom('read', 'write').map((right) => ({ ...subject, right }) as AclEntry))

const someEntries = fc.uniqueArray(entry, {
  maxLength: 2,
  selector: ({ kind, subject }) => `${kind}:${subject}`,
})
const someImage = fc.record({
  namespace: fc.constantFrom('alice', 'bob', 'physics'),
  owner: fc.constantFrom(...USERS),
  expiresMs: fc.constantFrom(undefined, undefined, nowMs - 1, nowMs + 1),
  locked: fc.boolean(),
  entries: someEntries,
})

test('a list has exactly what the asker may read one by one', async ({ catalog, askers, dir }) => {
  const access = new AccessControl({ ...catalog, clock }, { openNamespaces: false })
  const world = fc.record({
    images: fc.array(someImage, { minLength: 12, maxLength: 12 }),
    namespaces: fc.record({ alice: someEntries, bob: someEntries, physics: someEntries }),
  })
  const [sample] = fc.sample(world, { numRuns: 1 })
  assert.ok(sample)
  for (const [namespace, entries] of Object.entries(sample.namespaces))
    await catalog.acls.set(namespaceTarget(imageKey(`${namespace}/x`).namespace), entries, by)
  const db = new DatabaseSync(`${dir}/catalog.sqlite`)
  for (const [i, { namespace, owner, expiresMs, locked, entries }] of sample.images.entries()) {
    const { id, uuid } = await makeImage(catalog, `${namespace}/i${i}`, { owner, expiresMs })
    await catalog.acls.set(imageTarget(uuid), entries, by)
    // As its owner locks an image that has bytes.
    if (locked) db.prepare('update images set uploaded_at = 1 where id = ?').run(id)
  }
  db.close()
  const every = await catalog.images.list()
  for (const [name, asker] of Object.entries(askers)) {
    const rights = await Promise.all(every.map((image) => access.rightTo(asker, image)))
    const expected = every.filter((_, i) => rights[i] !== undefined).map((image) => image.name)
    const listed = await catalog.lists.list(asker, {}, { nowMs })
    const context = `${name} ${JSON.stringify(sample)}`
    assert.equal(
      listed.map((image) => image.name),
      expected,
      context,
    )
    const { images } = await catalog.search.search(asker, parseQuery('name'), { nowMs })
    assert.equal(
      images.map((image) => image.name),
      expected,
      context,
    )
  }
})

test('shared with a user is what an entry gives, directly or through groups', async ({ catalog, askers }) => {
  const share = async (name: string, ...entries: AclEntry[]) => {
    const { uuid } = await makeImage(catalog, name, { owner: name.split('/')[0] ?? '' })
    await catalog.acls.set(imageTarget(uuid), entries, by)
  }
  await share('alice/direct', { kind: 'user', subject: 'bob', right: 'read' })
  await share('alice/group', { kind: 'group', subject: 'physics', right: 'read' })
  await share('alice/other', { kind: 'user', subject: 'carol', right: 'write' })
  await share('alice/open', { kind: 'anyone', subject: '', right: 'read' })
  await share('bob/own', { kind: 'group', subject: 'physics', right: 'read' })
  const names = async (asker: string, filter: ImageFilter) => {
    const found = await catalog.lists.list(askers[asker] ?? anonymousAsker, filter, { nowMs })
    return found.map(({ name }) => name).join(' ')
  }
  const [alice, bob] = [await catalog.users.byName('alice'), await catalog.users.byName('bob')]
  assert.ok(alice && bob)
  assert.is(await names('bob', { sharedWithUser: bob }), 'direct group')
  assert.is(await names('dave', { sharedWithUser: bob }), '', 'what dave may not read is not told')
  assert.is(await names('alice', { owner: alice, isShared: true }), 'direct group other')
  assert.is(await names('bob', { sharedWithGroup: { name: 'physics' } }), 'group own')
  assert.is(await names('root', { namespace: imageKey('bob/x').namespace }), 'own')
  assert.is(await names('anonymous', {}), 'open')
})

test.run()
