import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

type User = { id: number; name: string }

const test = suite<{ catalog: Catalog; alice: User; bob: User; remove: () => Promise<void> }>('quota')
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }
const tracker = 'self' as PeerKey
const manifest = manifestIdOf(digestOf(Buffer.from('m')))

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  context.catalog = await openTestCatalog({ dir, quotas: { bytes: 100, images: 3 } })
  context.remove = remove
  const { users, namespaces } = context.catalog
  const make = async (name: string) => {
    const user = await users.ensure({ dn: `/CN=${name}`, wanted: name, state: 'active', nowMs })
    await namespaces.create(imageKey(`${name}/x`).namespace, { owner: { kind: 'user', ...user }, ...by })
    return user
  }
  context.alice = await make('alice')
  context.bob = await make('bob')
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function open(catalog: Catalog, owner: User, name: string): Promise<string> {
  await catalog.images.create(imageKey(name), { owner, ...by })
  const { id } = await catalog.images.get(imageKey(name))
  return (await catalog.uploads.open(id, { principal: by.author, tracker, nowMs })).upload
}

async function commit(catalog: Catalog, upload: string, contentBytes: number): Promise<number> {
  const facts = { manifest, size: 1000, contentBytes, sha256: null, runs: 1, publisher: by.author, nowMs }
  return (await catalog.images.addVersion({ ...facts, tracker, upload, tags: [] })).version
}

test('every version that is kept counts, without its holes, for the owner of the image', async ({
  catalog,
  alice,
  bob,
}) => {
  await commit(catalog, await open(catalog, alice, 'alice/a'), 40)
  await commit(catalog, await open(catalog, alice, 'alice/a'), 40)
  await commit(catalog, await open(catalog, alice, 'bob/b'), 20)
  assert.equal(await catalog.usage.of(alice), {
    ...{ user: 'alice', images: 2, bytes: 100, uploadingBytes: 0 },
    quota: { bytes: 100, images: 3 },
  })
  assert.is((await catalog.usage.of(bob))?.bytes, 0)
  assert.is(await catalog.usage.of({ id: 99 }), undefined)
})

test('a commit over the quota changes nothing and says why', async ({ catalog, alice }) => {
  await commit(catalog, await open(catalog, alice, 'alice/a'), 90)
  const upload = await open(catalog, alice, 'alice/b')
  const error = await failureOf(commit(catalog, upload, 11))
  assert.is(error.code, 'E_QUOTA')
  assert.equal(error.data, { user: 'alice', usedBytes: 90, neededBytes: 11, limitBytes: 100 })
  assert.is((await catalog.usage.of(alice))?.bytes, 90)
  assert.is(await commit(catalog, upload, 10), 1, 'the upload is still there')
})

test('commits at once cannot pass the quota together', async ({ catalog, alice }) => {
  const uploads = await Promise.all(['a', 'b', 'c'].map((name) => open(catalog, alice, `alice/${name}`)))
  const results = await Promise.allSettled(uploads.map((upload) => commit(catalog, upload, 50)))
  assert.is(results.filter(({ status }) => status === 'fulfilled').length, 2)
  assert.is((await catalog.usage.of(alice))?.bytes, 100)
})

test('removing makes room', async ({ catalog, alice }) => {
  await commit(catalog, await open(catalog, alice, 'alice/a'), 60)
  await commit(catalog, await open(catalog, alice, 'alice/a'), 40)
  await catalog.images.removeVersion(imageKey('alice/a'), 1, by)
  assert.is((await catalog.usage.of(alice))?.bytes, 40)
  await catalog.images.remove(imageKey('alice/a'), by)
  assert.equal(await catalog.usage.of(alice), {
    ...{ user: 'alice', images: 0, bytes: 0, uploadingBytes: 0 },
    quota: { bytes: 100, images: 3 },
  })
})

test('so many images, slots included', async ({ catalog, alice }) => {
  const create = (name: string) => catalog.images.create(imageKey(name), { owner: alice, ...by })
  for (const name of ['alice/a', 'alice/b', 'bob/c']) await create(name)
  const error = await failureOf(create('alice/d'))
  assert.is(error.code, 'E_QUOTA')
  assert.match(error.message, /alice owns 3 images and may own 3/)
  assert.is(await create('alice/a'), false)
})

test('who is given an image needs room for it', async ({ catalog, alice, bob }) => {
  await commit(catalog, await open(catalog, alice, 'alice/a'), 60)
  await commit(catalog, await open(catalog, bob, 'bob/b'), 60)
  const image = await catalog.images.get(imageKey('alice/a'))
  const to = imageKey('bob/a')
  const plan = await catalog.changes.planRename(image, to)
  const rename = { image, to, owner: bob, plan, records: ['record'] }
  const error = await failureOf(catalog.changes.rename(rename, { fields: {}, properties: {} }, by))
  assert.is(error.code, 'E_QUOTA')
  assert.is((await catalog.images.get(imageKey('alice/a'))).ownerId, alice.id)
})

test('lists the usage of all users in pages', async ({ catalog, alice }) => {
  await commit(catalog, await open(catalog, alice, 'alice/a'), 60)
  const list = await catalog.usage.list({ after: '', limit: 10 })
  assert.equal(
    list.map(({ user, bytes }) => [user, bytes]),
    [
      ['alice', 60],
      ['bob', 0],
    ],
  )
  assert.is((await catalog.usage.list({ after: 'alice', limit: 10 })).length, 1)
})

test('accesses are added together', async ({ catalog, alice }) => {
  const key = imageKey('alice/a')
  await catalog.images.create(key, { owner: alice, ...by })
  const { id } = await catalog.images.get(key)
  await catalog.accesses.add([{ image: id, count: 3, lastMs: nowMs + 5 }])
  await catalog.accesses.add([{ image: id, count: 2, lastMs: nowMs }])
  const { accessCount, accessedAtMs } = await catalog.images.get(key)
  assert.equal([accessCount, accessedAtMs], [5, nowMs + 5])
})

test.run()
