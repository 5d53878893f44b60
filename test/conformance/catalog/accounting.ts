import * as assert from 'uvu/assert'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { atOnce, by, commit, create, here, image, manifest, nowMs, type On, owner, userOf } from './steps.ts'

async function open(catalog: Catalog, name: string): Promise<string> {
  await create(catalog, imageKey(name))
  const { id } = await catalog.images.get(imageKey(name))
  return (await catalog.uploads.open(id, { principal: owner, tracker: here, nowMs })).upload
}

async function commitBytes(catalog: Catalog, upload: string, contentBytes: number): Promise<number> {
  const facts = { manifest, size: 1000, contentBytes, sha256: null, runs: 1, publisher: owner, nowMs }
  return (await catalog.images.addVersion({ ...facts, upload, tracker: here, tags: [] })).version
}

/** Usage, quotas, access counts and history. */
export function accountingTests(on: On): void {
  on('versions that are committed at once do not pass the quota together', async (it) => {
    const { catalog, sql } = it
    const { id } = await userOf(catalog)
    await sql(`update users set quota_bytes = 100 where id = ${id}`)
    const uploads: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) uploads.push(await open(catalog, `team/${name}`))
    const { values, codes } = await atOnce(it, 4, (one, i) => commitBytes(one, uploads[i] ?? '', 50))
    assert.equal(values, [1, 1])
    assert.equal(codes, ['E_QUOTA', 'E_QUOTA'])
    assert.is((await catalog.usage.of({ id }))?.bytes, 100)
  })

  on('images that are made at once do not pass the quota together', async (it) => {
    const { catalog, sql } = it
    const { id } = await userOf(catalog)
    await create(catalog)
    await sql(`update users set quota_images = 3 where id = ${id}`)
    const { codes } = await atOnce(it, 4, (one, i) => create(one, imageKey(`team/i${i}`)))
    assert.equal(codes, ['E_QUOTA', 'E_QUOTA'])
    assert.is((await catalog.usage.of({ id }))?.images, 3)
  })

  on('usage has what is kept and what is coming', async ({ catalog }) => {
    const user = await userOf(catalog)
    await commit(catalog)
    const upload = await open(catalog, 'team/b')
    await catalog.uploads.lease(upload, [], { nowMs, receivedBytes: 2 ** 40 })
    await catalog.uploads.lease(upload, [], { nowMs, receivedBytes: 7 })
    const usage = await catalog.usage.of(user)
    assert.equal([usage?.images, usage?.bytes, usage?.uploadingBytes], [2, 10, 2 ** 40 + 7])
    const [listed] = await catalog.usage.list({ after: '', limit: 10 })
    assert.equal(listed, usage)
    await catalog.uploads.remove(upload, { nowMs })
    assert.is((await catalog.usage.of(user))?.uploadingBytes, 0)
  })

  on('accesses of two trackers add up, and the last one counts', async (it) => {
    await create(it.catalog)
    const { id } = await it.catalog.images.get(image)
    await atOnce(it, 6, (one, i) => one.accesses.add([{ image: id, count: 2, lastMs: nowMs + i }]))
    const { accessCount, accessedAtMs } = await it.catalog.images.get(image)
    assert.equal([accessCount, accessedAtMs], [12, nowMs + 5])
  })

  on('history has what happened, in its order, and nothing of what failed', async ({ catalog }) => {
    await commit(catalog, { tags: ['latest'] })
    const stored = await catalog.images.get(image)
    await failureOf(catalog.images.removeVersion(image, 9, by))
    await catalog.images.remove(image, by)
    const entries = await catalog.history.ofImage(stored, { after: 0, limit: 100 })
    assert.equal(
      entries.map(({ action }) => action),
      ['created', 'state', 'uploaded', 'tagged', 'removed'],
    )
    assert.equal(entries[2]?.details, { version: 1, size: 10, manifest })
    assert.equal(await catalog.history.ofName(image, { after: 0, limit: 100 }), entries)
  })
}
