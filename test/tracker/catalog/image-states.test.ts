import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { type ImageEvent, stateAfter } from '../../../src/core/image-state.ts'
import type { Tag } from '../../../src/core/reference.ts'
import { UPLOAD_EXPIRY_MS } from '../../../src/core/registry-limits.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { openTestCatalog } from '../../fixtures/catalog.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { temporaryDir } from '../../fixtures/scratch.ts'

interface Context {
  catalog: Catalog
  remove: () => Promise<void>
}
const test = suite<Context>('image states in the catalog')
const key = imageKey('alice/debian')
const nowMs = Date.UTC(2030, 0, 1)
const by = { author: '/CN=alice', nowMs }
const principal = '/CN=alice'
const tracker = 'self' as PeerKey
const manifest = manifestIdOf(digestOf(Buffer.from('m')))

test.before.each(async (context) => {
  const { dir, remove } = await temporaryDir()
  context.catalog = await openTestCatalog({ dir })
  context.remove = remove
  const { users, namespaces, images } = context.catalog
  const owner = await users.ensure({ dn: principal, wanted: 'alice', state: 'active', nowMs })
  await namespaces.create(key.namespace, { owner: { kind: 'user', ...owner }, ...by })
  await images.create(key, { owner, ...by })
})
test.after.each(async ({ catalog, remove }) => {
  await catalog.close()
  await remove()
})

const stateOf = async ({ images }: Catalog) => (await images.get(key)).state

async function open({ images, uploads }: Catalog, atMs = nowMs): Promise<string> {
  return (await uploads.open((await images.get(key)).id, { principal, tracker, nowMs: atMs })).upload
}

async function commit(catalog: Catalog, upload: string): Promise<number> {
  const facts = { manifest, size: 10, contentBytes: 10, sha256: null, runs: 3, publisher: principal, nowMs }
  const { version } = await catalog.images.addVersion({
    ...facts,
    upload,
    tracker,
    tags: ['latest' as Tag],
  })
  return version
}

async function change(catalog: Catalog, state: 'locked' | 'available'): Promise<boolean> {
  const image = await catalog.images.get(key)
  return await catalog.changes.change(image, { fields: { state }, properties: {} }, by).then(
    () => true,
    (error) => {
      assert.is(error.code, 'E_STATE')
      return false
    },
  )
}

test('a slot is locked, an upload makes it uploading, a version available', async ({ catalog }) => {
  assert.is(await stateOf(catalog), 'locked')
  const upload = await open(catalog)
  assert.is(await stateOf(catalog), 'uploading')
  await commit(catalog, upload)
  assert.is(await stateOf(catalog), 'available')
})

test('an upload that is given up leaves what was there, one that failed an error', async ({ catalog }) => {
  await catalog.uploads.remove(await open(catalog), { nowMs })
  assert.is(await stateOf(catalog), 'locked')
  await catalog.uploads.remove(await open(catalog), { nowMs, failed: true })
  assert.is(await stateOf(catalog), 'error')
  await commit(catalog, await open(catalog))
  await catalog.uploads.remove(await open(catalog), { nowMs, failed: true })
  assert.is(await stateOf(catalog), 'available')
})

test('an upload that nobody goes on with ends some day', async ({ catalog }) => {
  await open(catalog)
  assert.is(await catalog.uploads.removeExpired({ nowMs: nowMs + UPLOAD_EXPIRY_MS }), 1)
  assert.is(await stateOf(catalog), 'locked')
})

test('two uploads: the first that ends decides nothing', async ({ catalog }) => {
  const [one, two] = [await open(catalog), await open(catalog)]
  await catalog.uploads.remove(one, { nowMs, failed: true })
  assert.is(await stateOf(catalog), 'uploading')
  await catalog.uploads.remove(two, { nowMs })
  assert.is(await stateOf(catalog), 'locked')
})

test('what its owner locked stays locked whatever is uploaded', async ({ catalog }) => {
  assert.not(await change(catalog, 'available'), 'it has no bytes')
  await commit(catalog, await open(catalog))
  assert.ok(await change(catalog, 'locked'))
  await commit(catalog, await open(catalog))
  assert.is(await stateOf(catalog), 'locked')
  assert.ok(await change(catalog, 'available'))
  assert.is(await stateOf(catalog), 'available')
})

test('an image whose last version was removed is a slot again', async ({ catalog }) => {
  const version = await commit(catalog, await open(catalog))
  await catalog.images.removeVersion(key, version, by)
  const { state, uploadedAtMs } = await catalog.images.get(key)
  assert.equal([state, uploadedAtMs], ['locked', null])
})

test('SQL and the table of states agree, without bytes', async ({ catalog }) => {
  // Lock and unlock come through changes, the others through uploads; here only what can be reached without a version.
  const events: [ImageEvent, () => Promise<unknown>][] = [
    ['upload-begun', () => open(catalog)],
    ['lock', () => change(catalog, 'locked')],
    ['unlock', () => change(catalog, 'available')],
  ]
  for (const [event, act] of events) {
    const before = await stateOf(catalog)
    await act()
    assert.is(await stateOf(catalog), stateAfter(before, event, { hasBytes: false }) ?? before, event)
  }
})

test.run()
