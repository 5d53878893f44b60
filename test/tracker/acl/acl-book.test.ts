import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AclEntry, imageTarget, namespaceTarget } from '../../../src/core/acl.ts'
import { ACL_ENTRIES_MAX } from '../../../src/core/registry-limits.ts'
import type { AclBook } from '../../../tracker/acl/acl-book.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeUsers } from '../../fixtures/registry.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

const key = imageKey('team/debian')
const space = namespaceTarget(key.namespace)
const author = '/CN=alice'
const bob: AclEntry = { kind: 'user', subject: 'bob', right: 'read' }

const test = suite<{ dir: string; remove: () => Promise<void>; catalog: Catalog; acls: AclBook }>('ACL book')
test.before.each(async (context) => {
  Object.assign(context, await temporaryDir())
  context.catalog = await openTestCatalog({ dir: context.dir })
  context.acls = context.catalog.acls
  await makeImage(context.catalog)
  await makeUsers(context.catalog, 'bob', 'carol')
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function makeImage(catalog: Catalog, image = key): Promise<void> {
  const nowMs = Date.now()
  const owner = await catalog.users.ensure({ dn: author, wanted: 'alice', state: 'active', nowMs })
  const founder = { kind: 'user', id: owner.id, name: owner.name } as const
  await catalog.namespaces.create(image.namespace, { owner: founder, author, nowMs })
  await catalog.images.create(image, { owner, author, nowMs })
}

test('a namespace and an image have an ACL from the start', async ({ acls, catalog }) => {
  const image = await catalog.images.get(key)
  const found = await acls.ofImage(image)
  assert.equal(found.namespace.entries, [{ kind: 'group', subject: 'nodes', right: 'read' }])
  assert.equal(found.image.entries, [])
  assert.is(found.image.target, imageTarget(image.uuid))
  for (const acl of [found.namespace, found.image]) {
    assert.equal(acl.owner, { kind: 'user', subject: 'alice' })
    assert.equal([acl.version, acl.previous, acl.author], [1, null, author])
  }
})

test('each change is a version that names the one before', async ({ acls }) => {
  await acls.grant(space, bob, { author })
  const raised = await acls.grant(space, { ...bob, right: 'write' }, { author: '/CN=carol' })
  assert.is(raised.version, 3)
  assert.is(raised.author, '/CN=carol')
  assert.match(raised.previous ?? '', /^[0-9a-f]{64}$/)
  assert.equal(raised.entries.at(-1), { ...bob, right: 'write' })
  assert.equal((await acls.revoke(space, bob, { author })).entries.length, 1)
  assert.equal((await acls.get(space)).version, 4)
})

test('what changes nothing makes no version', async ({ acls }) => {
  await acls.revoke(space, bob, { author })
  await acls.grant(space, { kind: 'group', subject: 'nodes', right: 'read' }, { author })
  assert.is((await acls.get(space)).version, 1)
})

test('a change for a version that has passed is a conflict', async ({ acls }) => {
  await acls.grant(space, bob, { author, expected: 1 })
  const failure = await failureOf(acls.revoke(space, bob, { author, expected: 1 }))
  assert.is(failure.code, 'E_CONFLICT')
  assert.equal(failure.data, { version: 2 })
})

test('changes at once all count', async ({ acls, catalog }) => {
  const names = Array.from({ length: 8 }, (_, i) => `user${i}`)
  await makeUsers(catalog, ...names)
  await Promise.all(names.map((subject) => acls.grant(space, { ...bob, subject }, { author })))
  const { version, entries } = await acls.get(space)
  assert.is(version, 9)
  assert.equal(
    entries.filter(({ kind }) => kind === 'user').map(({ subject }) => subject),
    names,
  )
})

test('an ACL has so many entries and names each subject once', async ({ acls, catalog }) => {
  const many = Array.from({ length: ACL_ENTRIES_MAX + 1 }, (_, i) => ({ ...bob, subject: `u${i}` }))
  await makeUsers(catalog, ...many.map(({ subject }) => subject))
  assert.is((await failureOf(acls.set(space, many, { author }))).code, 'E_INVALID')
  assert.is(
    (await failureOf(acls.set(space, [bob, { ...bob, right: 'admin' }], { author }))).code,
    'E_INVALID',
  )
  await acls.set(space, many.slice(1), { author })
})

test('nobody gets an entry who is not there any more, so that it is not for the next of that name', async ({
  acls,
}) => {
  for (const kind of ['user', 'group', 'node'] as const) {
    const gone: AclEntry = { kind, subject: 'gone', right: 'read' }
    assert.is((await failureOf(acls.grant(space, gone, { author }))).code, 'E_INVALID')
    assert.is((await failureOf(acls.allow(space, gone, { author }))).code, 'E_INVALID')
    assert.is((await failureOf(acls.set(space, [bob, gone], { author }))).code, 'E_INVALID')
  }
  assert.is((await acls.get(space)).version, 1)
})

test('who is gone goes from every ACL, and who has another name keeps its rights', async ({
  acls,
  catalog,
}) => {
  const other = imageKey('team/other')
  await makeImage(catalog, other)
  const target = imageTarget((await catalog.images.get(other)).uuid)
  await acls.grant(space, bob, { author })
  await acls.grant(target, bob, { author })
  for (const name of ['old', 'new']) await catalog.groups.create({ name, nowMs: 0 })
  await acls.grant(target, { kind: 'group', subject: 'old', right: 'write' }, { author })
  await acls.renameSubject({ kind: 'group', subject: 'old', to: 'new' }, { author })
  assert.is((await acls.get(target)).entries[0]?.subject, 'new')
  await acls.forget({ kind: 'user', subject: 'bob' }, { author })
  assert.equal((await acls.get(space)).entries.length, 1)
  assert.equal((await acls.get(target)).entries.length, 1)
})

test('an owner changes and an image is renamed within a change of others', async ({ acls, catalog }) => {
  const { uuid } = await catalog.images.get(key)
  await catalog.transaction(async (trx) => {
    await acls.setOwner(space, { kind: 'group', subject: 'staff' }, { author, trx })
    await acls.renameImage(uuid, imageKey('team/ubuntu'), { author, trx })
  })
  assert.equal((await acls.get(space)).owner, { kind: 'group', subject: 'staff' })
  assert.is((await acls.get(imageTarget(uuid))).name, 'ubuntu')
  const failing = catalog.transaction(async (trx) => {
    await acls.grant(space, bob, { author, trx })
    throw new RangeError('no')
  })
  await failureOf(failing)
  assert.is((await acls.get(space)).version, 2)
  assert.is((await acls.grant(space, bob, { author })).version, 3)
})

test('a removed image has no ACL any more, and one of the same name another', async ({ acls, catalog }) => {
  const { uuid } = await catalog.images.get(key)
  await acls.grant(imageTarget(uuid), bob, { author })
  await catalog.images.remove(key, { author, nowMs: 0 })
  assert.is((await failureOf(acls.get(imageTarget(uuid)))).code, 'E_NOT_FOUND')
  assert.is((await failureOf(acls.grant(imageTarget(uuid), bob, { author }))).code, 'E_NOT_FOUND')
  await makeImage(catalog)
  assert.equal((await acls.ofImage(await catalog.images.get(key))).image.entries, [])
})

test('a namespace that nobody made has none', async ({ acls }) => {
  assert.is(await acls.ofNamespace(imageKey('nobody/x').namespace), undefined)
})

test('new namespaces are closed to nodes where the site says so', async () => {
  const { dir, remove } = await temporaryDir()
  const catalog = await openTestCatalog({ dir, nodesRead: false })
  await makeImage(catalog)
  assert.equal((await catalog.acls.get(space)).entries, [])
  await catalog.close()
  await remove()
})

test.run()
