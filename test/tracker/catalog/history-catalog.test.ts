import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import type { HistoryEntry } from '../../../tracker/catalog/history-catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

const test = suite<{ catalog: Catalog; owner: { id: number; name: string }; remove: () => Promise<void> }>(
  'history',
)
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }
const tracker = 'self' as PeerKey
const image = imageKey('alice/debian')
const manifest = manifestIdOf(digestOf(Buffer.from('m')))
const all = { after: 0, limit: 100 }

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  context.catalog = await openTestCatalog({ dir })
  context.remove = remove
  const { users, namespaces, images } = context.catalog
  context.owner = await users.ensure({ dn: by.author, wanted: 'alice', state: 'active', nowMs })
  await namespaces.create(image.namespace, { owner: { kind: 'user', ...context.owner }, ...by })
  await images.create(image, { owner: context.owner, ...by })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

async function commit(catalog: Catalog, tags: string[] = []) {
  const { id } = await catalog.images.get(image)
  const { upload } = await catalog.uploads.open(id, { principal: by.author, tracker, nowMs })
  const facts = { manifest, size: 10, contentBytes: 8, sha256: null, runs: 1, publisher: '/CN=carol', nowMs }
  return await catalog.images.addVersion({
    tracker,
    ...facts,
    upload,
    tags: tags as Tag[],
  })
}

const told = (entries: readonly HistoryEntry[]) =>
  entries.map(({ action, details }) => ({ action, ...details }))

test('tells the life of an image, oldest first', async ({ catalog }) => {
  await commit(catalog, ['latest'])
  const stored = await catalog.images.get(image)
  const change = { fields: { description: 'x', state: 'locked' as const }, properties: { colour: 'red' } }
  await catalog.changes.change(stored, change, by)
  await catalog.images.setTag(image, 'old' as Tag, { ...by, version: 1 })
  await catalog.images.removeTag(image, 'old' as Tag, by)
  await catalog.images.removeVersion(image, 1, by)
  const entries = await catalog.history.ofImage(stored, all)
  assert.equal(told(entries), [
    { action: 'created' },
    { action: 'state', from: 'locked', to: 'uploading' },
    { action: 'uploaded', version: 1, size: 10, manifest },
    { action: 'tagged', tag: 'latest', version: 1 },
    { action: 'state', from: 'available', to: 'locked' },
    { action: 'modified', fields: ['description', 'property.colour'] },
    { action: 'tagged', tag: 'old', version: 1 },
    { action: 'untagged', tag: 'old' },
    { action: 'version-removed', version: 1 },
  ])
  assert.is(entries[0]?.author, by.author)
  assert.is(entries[2]?.author, '/CN=carol')
  assert.is(entries[0]?.atMs, nowMs)
})

test('goes on under another name, and stays when the image is removed', async ({ catalog, owner }) => {
  const stored = await catalog.images.get(image)
  const to = imageKey('alice/bookworm')
  const plan = await catalog.changes.planRename(stored, to)
  await catalog.changes.rename({ image: stored, to, owner, plan }, { fields: {}, properties: {} }, by)
  await catalog.images.remove(to, by)
  await catalog.images.create(to, { owner, ...by })
  assert.equal(told(await catalog.history.ofImage(stored, all)), [
    { action: 'created' },
    { action: 'renamed', from: 'alice/debian' },
    { action: 'removed' },
  ])
  assert.equal(told(await catalog.history.ofName(image, all)), [{ action: 'created' }])
  assert.equal(told(await catalog.history.ofName(to, all)), [
    { action: 'renamed', from: 'alice/debian' },
    { action: 'removed' },
    { action: 'created' },
  ])
})

test('comes in pages', async ({ catalog }) => {
  await commit(catalog, ['a', 'b', 'c'])
  const stored = await catalog.images.get(image)
  const first = await catalog.history.ofImage(stored, { after: 0, limit: 2 })
  const rest = await catalog.history.ofImage(stored, { after: first.at(-1)?.id ?? 0, limit: 100 })
  assert.is(first.length, 2)
  assert.is(rest.length, 4)
})

test('what fails leaves no history', async ({ catalog }) => {
  await failureOf(catalog.images.removeTag(image, 'none' as Tag, by))
  await failureOf(catalog.images.removeVersion(image, 7, by))
  assert.equal(told(await catalog.history.ofName(image, all)), [{ action: 'created' }])
})

test.run()
