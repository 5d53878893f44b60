import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import {
  IMAGES_PER_NAMESPACE_MAX,
  NAMESPACES_PER_PRINCIPAL_MAX,
  UPLOAD_ADOPT_AFTER_MS,
  UPLOAD_EXPIRY_MS,
  UPLOADS_OPEN_MAX,
} from '../../../src/core/limits.ts'
import { parseReference, type Tag } from '../../../src/core/reference.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'

const test = suite<{ dir: string; catalog: Catalog }>('catalog')
const image = imageKey('team/debian')
const manifest = manifestIdOf(digestOf(Buffer.from('m')))
const owner = '/CN=alice'
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }

test.before.each(async (context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'bootswarm-catalog-'))
  context.catalog = await openTestCatalog(context)
})
test.after.each(async ({ dir, catalog }) => {
  await catalog.close()
  rmSync(dir, { recursive: true })
})

/** Makes the image for a user, in the namespace that the user owns then. */
async function create(catalog: Catalog, key = image, name = 'alice'): Promise<boolean> {
  const user = await catalog.users.ensure({ dn: `/CN=${name}`, wanted: name, state: 'active', nowMs })
  await catalog.namespaces.create(key.namespace, { owner: { kind: 'user', id: user.id, name }, ...by })
  return await catalog.images.create(key, { owner: user, ...by })
}

async function upload(catalog: Catalog): Promise<string> {
  await create(catalog)
  const { id } = await catalog.images.get(image)
  return (await catalog.uploads.open(id, { principal: owner, nowMs })).upload
}

async function commit(
  catalog: Catalog,
  tags: string[] = [],
  sign = async ({ version }: { version: number }) => `record ${version}`,
) {
  const facts = { manifest, size: 10, contentBytes: 10, sha256: null, runs: 3, publisher: owner, nowMs }
  return await catalog.images.addVersion({
    ...facts,
    upload: await upload(catalog),
    tags: tags as Tag[],
    sign,
  })
}

test('a namespace belongs to whom comes first', async ({ catalog }) => {
  assert.is(await catalog.namespaces.ownerOf(image.namespace), undefined)
  assert.is(await create(catalog), true)
  assert.is(await create(catalog, image, 'bob'), false)
  assert.is((await catalog.namespaces.ownerOf(image.namespace))?.name, 'alice')
})

test('gives consecutive versions, whatever comes at once', async ({ catalog }) => {
  const results = await Promise.all(Array.from({ length: 8 }, () => commit(catalog, ['latest'])))
  assert.equal(results.map((result) => result.version).sort(), [1, 2, 3, 4, 5, 6, 7, 8])
  const latest = await catalog.images.resolve(parseReference('team/debian'))
  assert.is(latest.version, 8)
  assert.is(latest.record, 'record 8')
})

test('a commit that fails leaves nothing behind', async ({ catalog }) => {
  const failing = commit(catalog, ['latest'], async () => {
    throw new RangeError('no signature')
  })
  assert.is((await failureOf(failing)).message, 'no signature')
  assert.equal(await catalog.images.versions(), [])
  assert.is((await commit(catalog)).version, 1)
})

test('resolves tags, versions and manifests, and nothing else', async ({ catalog }) => {
  await commit(catalog, ['stable'])
  await commit(catalog)
  const version = async (text: string) => (await catalog.images.resolve(parseReference(text))).version
  assert.is(await version('team/debian:stable'), 1)
  assert.is(await version('team/debian@2'), 2)
  assert.is(await version(`team/debian@${manifest}`), 2)
  for (const text of ['team/debian', 'team/debian:no', 'team/debian@3', 'team/other', 'other/debian@1']) {
    assert.is((await failureOf(catalog.images.resolve(parseReference(text)))).code, 'E_NOT_FOUND')
  }
})

test('never gives the number of a removed version again', async ({ catalog }) => {
  await commit(catalog, ['latest'])
  await commit(catalog, ['stable'])
  await catalog.images.removeVersion(image, 2, by)
  assert.equal(
    (await catalog.images.tags()).map((row) => row.tag),
    ['latest'],
  )
  await catalog.images.remove(image, by)
  assert.is((await failureOf(catalog.images.get(image))).code, 'E_NOT_FOUND')
  assert.equal(await catalog.images.list(), [])
  assert.is((await commit(catalog)).version, 3)
  assert.is((await catalog.images.list()).length, 1)
})

test('moves and removes tags', async ({ catalog }) => {
  await commit(catalog, ['a'])
  await commit(catalog)
  await catalog.images.setTag(image, 'a' as Tag, { ...by, version: 2 })
  assert.is((await catalog.images.resolve({ ...image, tag: 'a' as Tag })).version, 2)
  assert.is(
    (await failureOf(catalog.images.setTag(image, 'a' as Tag, { ...by, version: 9 }))).code,
    'E_NOT_FOUND',
  )
  await catalog.images.removeTag(image, 'a' as Tag, by)
  assert.is((await failureOf(catalog.images.removeTag(image, 'a' as Tag, by))).code, 'E_NOT_FOUND')
})

test('keeps leases until the upload ends or expires', async ({ catalog }) => {
  const id = await upload(catalog)
  const digests = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))]
  await catalog.uploads.lease(id, digests, { nowMs })
  const leased = async () =>
    (await Array.fromAsync(catalog.uploads.leased())).map((digest) => Buffer.from(digest).toString('hex'))
  assert.equal(
    await leased(),
    digests.map((digest) => Buffer.from(digest).toString('hex')),
  )
  const late = nowMs + UPLOAD_EXPIRY_MS
  await catalog.uploads.get(id, { nowMs: late - 1 })
  assert.is((await failureOf(catalog.uploads.get(id, { nowMs: late }))).code, 'E_NOT_FOUND')
  assert.is(await catalog.uploads.removeExpired({ nowMs: late }), 1)
  assert.equal(await leased(), [])
})

test('a request makes an upload live longer', async ({ catalog }) => {
  const id = await upload(catalog)
  await catalog.uploads.lease(id, [], { nowMs: nowMs + 1000 })
  assert.is((await catalog.uploads.get(id, { nowMs })).expiresAtMs, nowMs + 1000 + UPLOAD_EXPIRY_MS)
})

test('bounds the open uploads of one principal', async ({ catalog }) => {
  for (let i = 0; i < UPLOADS_OPEN_MAX; i++) await upload(catalog)
  assert.is((await failureOf(upload(catalog))).code, 'E_LIMIT')
})

test('keeps everything when it is opened again, and refuses a newer one', async ({ dir, catalog }) => {
  await commit(catalog, ['latest'])
  const path = join(dir, 'catalog.sqlite')
  const again = await openTestCatalog({ dir })
  assert.is((await again.images.resolve(parseReference('team/debian'))).version, 1)
  await again.close()
  const db = new DatabaseSync(path)
  db.exec(`insert into kysely_migration values ('9999-future', '2030-01-01')`)
  db.close()
  assert.is((await failureOf(openTestCatalog({ dir }))).code, 'E_STORAGE')
})

test('a file that is no catalog is an error of the disk', async ({ dir }) => {
  const other = join(dir, 'other')
  mkdirSync(join(other, 'catalog.sqlite'), { recursive: true })
  assert.is((await failureOf(openTestCatalog({ dir: other }))).code, 'E_STORAGE')
})

test('an upload that was broken off is opened again by its principal, with what it keeps', async ({
  catalog,
}) => {
  const first = await upload(catalog)
  const digest = digestOf(Buffer.from('block'))
  await catalog.uploads.lease(first, [digest], { nowMs })
  const { id } = await catalog.images.get(image)
  const later = nowMs + UPLOAD_ADOPT_AFTER_MS
  const open = async (atMs: number, principal = owner) =>
    (await catalog.uploads.open(id, { principal, nowMs: atMs })).upload
  assert.is.not(await open(later - 1, '/CN=bob'), first)
  assert.is(await open(later), first)
  const { expiresAtMs } = await catalog.uploads.get(first, { nowMs: later })
  assert.is(expiresAtMs, later + UPLOAD_EXPIRY_MS)
  assert.equal(await Array.fromAsync(catalog.uploads.leased()), [new Uint8Array(digest)])
  assert.is.not(await open(later), first, 'a push under way keeps its own')
})

test('interrupted pushes lock nobody out, and expired uploads go when another is opened', async ({
  catalog,
}) => {
  for (let i = 0; i < UPLOADS_OPEN_MAX; i++) await upload(catalog)
  assert.is((await failureOf(upload(catalog))).code, 'E_LIMIT')
  const { id } = await catalog.images.get(image)
  await catalog.uploads.open(id, { principal: owner, nowMs: nowMs + UPLOAD_ADOPT_AFTER_MS })
  const afterMs = nowMs + UPLOAD_EXPIRY_MS
  await catalog.uploads.open(id, { principal: owner, nowMs: afterMs })
  assert.is(await catalog.uploads.removeExpired({ nowMs: afterMs }), 0)
})

test('a principal has so many namespaces', async ({ catalog }) => {
  const take = (n: number, name?: string) => create(catalog, imageKey(`team${n}/x`), name)
  for (let n = 0; n < NAMESPACES_PER_PRINCIPAL_MAX; n++) await take(n)
  assert.is((await failureOf(take(99))).code, 'E_LIMIT')
  assert.is(await catalog.namespaces.ownerOf(imageKey('team99/x').namespace), undefined)
  assert.is(await take(99, 'bob'), true)
  assert.is(await create(catalog, imageKey('team0/y')), true)
})

test('a namespace has so many images, removed ones not counted', async ({ catalog, dir }) => {
  await create(catalog)
  const db = new DatabaseSync(join(dir, 'catalog.sqlite'))
  db.exec(`with recursive n(i) as (select 2 union all select i + 1 from n where i < ${IMAGES_PER_NAMESPACE_MAX})
    insert into images (uuid, namespace, name, created_at, last_version, removed) select 'u' || i, 'team', 'i' || i, 0, 0, 0 from n`)
  db.close()
  const more = () => create(catalog, imageKey('team/more'))
  assert.is((await failureOf(more())).code, 'E_LIMIT')
  assert.is(await create(catalog), false)
  await catalog.images.remove(imageKey('team/i2'), by)
  assert.is(await more(), true)
})

test.run()
