import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import type { GivenFields } from '../../../src/core/metadata.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  catalog: Catalog
  owner: { id: number; name: string }
  remove: () => Promise<void>
}
const test = suite<Context>('changes of images')
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }
const principal = '/CN=alice'
const tracker = 'self' as PeerKey

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  context.catalog = await openTestCatalog({ dir })
  context.remove = remove
  const { users, namespaces } = context.catalog
  context.owner = await users.ensure({ dn: principal, wanted: 'alice', state: 'active', nowMs })
  for (const name of ['alice', 'site']) {
    const owner = { kind: 'user', id: context.owner.id, name: context.owner.name } as const
    await namespaces.create(imageKey(`${name}/x`).namespace, { owner, author: principal, nowMs })
  }
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function create({ catalog, owner }: Context, name: string): Promise<boolean> {
  return await catalog.images.create(imageKey(name), { owner, ...by })
}

async function push({ catalog }: Context, name: string, tag = 'latest'): Promise<number> {
  const { id } = await catalog.images.get(imageKey(name))
  const { upload } = await catalog.uploads.open(id, { principal, tracker, nowMs })
  const { version } = await catalog.images.addVersion({
    ...{ manifest: manifestIdOf(digestOf(Buffer.from(upload))), size: 10, contentBytes: 10, sha256: null },
    ...{ runs: 3, publisher: principal, nowMs, upload, tracker, tags: [tag as Tag] },
  })
  return version
}

async function rename({ catalog, owner }: Context, from: string, to: string): Promise<void> {
  const image = await catalog.images.get(imageKey(from))
  const plan = await catalog.changes.planRename(image, imageKey(to))
  const init = { image, to: imageKey(to), owner, plan }
  await catalog.changes.rename(init, { fields: {}, properties: {} }, by)
}

/** What the records of an image say: `alice/b@2 was alice/a@1`. */
async function records({ catalog }: Context, name: string): Promise<string[]> {
  const versions = await catalog.images.versions(await catalog.images.get(imageKey(name)))
  return await Promise.all(
    versions.map(async ({ version }) => {
      const row = await catalog.images.resolve({ ...imageKey(name), version })
      const { formerly, ...record } = catalog.records.read(row)
      const was = `${formerly?.namespace}/${formerly?.name}@${formerly?.version}`
      return `${record.namespace}/${record.name}@${record.version} was ${was}`
    }),
  )
}

async function tagsOf({ catalog }: Context, name: string): Promise<Record<string, number>> {
  const tags = await catalog.images.tags(await catalog.images.get(imageKey(name)))
  return Object.fromEntries(tags.map(({ tag, version }) => [tag, version]))
}

test('a renamed image keeps its numbers, its tags and its uuid', async (context) => {
  await create(context, 'alice/a')
  await push(context, 'alice/a', 'old')
  await push(context, 'alice/a')
  const { uuid } = await context.catalog.images.get(imageKey('alice/a'))
  await rename(context, 'alice/a', 'site/b')
  assert.is((await failureOf(context.catalog.images.get(imageKey('alice/a')))).code, 'E_NOT_FOUND')
  assert.is((await context.catalog.images.get(imageKey('site/b'))).uuid, uuid)
  assert.equal(await records(context, 'site/b'), ['site/b@1 was alice/a@1', 'site/b@2 was alice/a@2'])
  assert.equal(await tagsOf(context, 'site/b'), { latest: 2, old: 1 })
  assert.is(await push(context, 'site/b'), 3)
})

test('what takes the old name goes on after its numbers', async (context) => {
  await create(context, 'alice/a')
  await push(context, 'alice/a')
  await rename(context, 'alice/a', 'alice/b')
  await create(context, 'alice/a')
  assert.is(await push(context, 'alice/a'), 2)
})

test('a rename that is taken back changes no number', async (context) => {
  await create(context, 'alice/a')
  await push(context, 'alice/a')
  await rename(context, 'alice/a', 'alice/b')
  await push(context, 'alice/b')
  await rename(context, 'alice/b', 'alice/a')
  assert.equal(await tagsOf(context, 'alice/a'), { latest: 2 })
  assert.is(await push(context, 'alice/a'), 3)
})

test('numbers of a name that another image had are never given again', async (context) => {
  await create(context, 'alice/gone')
  await push(context, 'alice/gone')
  await push(context, 'alice/gone')
  await context.catalog.images.remove(imageKey('alice/gone'), by)
  await create(context, 'alice/new')
  for (const tag of ['one', 'two', 'three']) await push(context, 'alice/new', tag)
  await rename(context, 'alice/new', 'alice/gone')
  assert.equal(await tagsOf(context, 'alice/gone'), { one: 3, two: 4, three: 5 })
  assert.equal(await records(context, 'alice/gone'), [
    'alice/gone@3 was alice/new@1',
    'alice/gone@4 was alice/new@2',
    'alice/gone@5 was alice/new@3',
  ])
  assert.is(await push(context, 'alice/gone'), 6)
})

test('a name that is taken, and an image that changed meanwhile, are conflicts', async (context) => {
  const { catalog, owner } = context
  await create(context, 'alice/a')
  await create(context, 'alice/b')
  await push(context, 'alice/a')
  const taken = await failureOf(rename(context, 'alice/a', 'alice/b'))
  assert.equal([taken.code, taken.data], ['E_CONFLICT', {}])
  const image = await catalog.images.get(imageKey('alice/a'))
  const plan = await catalog.changes.planRename(image, imageKey('alice/c'))
  await push(context, 'alice/a')
  const late = catalog.changes.rename(
    { image, to: imageKey('alice/c'), owner, plan },
    { fields: { description: 'x' }, properties: {} },
    by,
  )
  const { code, data } = await failureOf(late)
  assert.equal([code, data], ['E_CONFLICT', { again: true }])
  assert.is((await catalog.images.get(imageKey('alice/a'))).description, '')
})

test('a read-only image takes no change, no version and no other name until that is unset', async (context) => {
  const { catalog } = context
  await create(context, 'alice/a')
  await push(context, 'alice/a')
  const change = async (fields: GivenFields) => {
    const image = await catalog.images.get(imageKey('alice/a'))
    await catalog.changes.change(image, { fields, properties: { colour: 'blue' } }, by)
  }
  await change({ read_only: true, description: 'kept' })
  for (const refused of [
    () => change({ description: 'x' }),
    () => change({ read_only: true }),
    () => push(context, 'alice/a'),
    () => rename(context, 'alice/a', 'alice/b'),
  ])
    assert.is((await failureOf(refused())).code, 'E_STATE')
  await change({ read_only: false, description: 'new' })
  assert.is((await catalog.images.get(imageKey('alice/a'))).description, 'new')
  await rename(context, 'alice/a', 'alice/b')
})

test('an image has a bounded number of free properties', async (context) => {
  const { catalog } = context
  await create(context, 'alice/a')
  const image = await catalog.images.get(imageKey('alice/a'))
  const pairs = (from: number) =>
    Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key${from + i}`, 'value']))
  await catalog.changes.change(image, { fields: {}, properties: pairs(0) }, by)
  const more = catalog.changes.change(image, { fields: {}, properties: pairs(30) }, by)
  assert.is((await failureOf(more)).code, 'E_LIMIT')
})

test.run()
