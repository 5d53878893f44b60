import * as assert from 'uvu/assert'
import { parseReference, type Tag } from '../../../src/core/reference.ts'
import { IMAGES_PER_NAMESPACE_MAX } from '../../../src/core/registry-limits.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { by, commit, create, image, manifest, manifestOf, nowMs, type On, owner, upload } from './steps.ts'

/** Images, versions and tags. */
export function imageTests(on: On): void {
  on('an image is made once, and says what it was made with', async ({ catalog }) => {
    assert.is(await create(catalog), true)
    assert.is(await create(catalog), false)
    const stored = await catalog.images.get(image)
    assert.match(stored.uuid, /^[0-9a-f-]{36}$/)
    const { ownerName, ownerDn, state, createdAtMs, readOnly, hypervisor, expiresAtMs, description } = stored
    assert.equal(
      { ownerName, ownerDn, state, createdAtMs },
      { ...madeBy, state: 'locked', createdAtMs: nowMs },
    )
    assert.equal(
      { readOnly, hypervisor, expiresAtMs, description },
      { readOnly: false, hypervisor: 'xen', expiresAtMs: null, description: '' },
    )
    await commit(catalog)
    assert.is((await catalog.images.get(image)).state, 'available')
    assert.is((await catalog.images.get(image)).uploadedAtMs, nowMs)
  })

  on('a version has everything that was committed', async ({ catalog }) => {
    const size = 2 ** 52 + 1
    const facts = {
      manifest,
      size,
      contentBytes: size - 1,
      sha256: 'ab'.repeat(32),
      runs: 7,
      publisher: owner,
      nowMs,
    }
    const init = { ...facts, tags: [], tracker: 'here' as never, upload: await upload(catalog) }
    const made = await catalog.images.addVersion(init)
    assert.is(made.version, 1)
    const [version] = await catalog.images.versions()
    assert.ok(version)
    assert.is(version.image, (await catalog.images.get(image)).id)
    const { sha256, runs, publisher, contentBytes, createdAtMs, record } = version
    assert.is(version.size, size)
    assert.equal(
      { sha256, runs, publisher, contentBytes, createdAtMs, record },
      {
        sha256: 'ab'.repeat(32),
        runs: 7,
        publisher: owner,
        contentBytes: size - 1,
        createdAtMs: nowMs,
        record: made.record,
      },
    )
  })

  on('a commit that fails leaves nothing behind', async ({ catalog }) => {
    // More than fits into what is signed.
    const failing = commit(catalog, { tags: ['latest'], publisher: 'x'.repeat(100_000) })
    assert.is((await failureOf(failing)).code, 'E_INVALID')
    assert.equal(await catalog.images.versions(), [])
    assert.is((await catalog.trackers.holders(manifest)).peers.length, 0)
    assert.is((await commit(catalog)).version, 1)
  })

  on('an upload is committed once', async ({ catalog }) => {
    const id = await upload(catalog)
    const facts = { manifest, size: 1, contentBytes: 1, sha256: null, runs: 1, publisher: owner, nowMs }
    const init = { ...facts, tags: [], tracker: 'here' as never, upload: id }
    await catalog.images.addVersion(init)
    assert.is((await failureOf(catalog.images.addVersion(init))).code, 'E_NOT_FOUND')
    assert.is((await catalog.images.versions()).length, 1)
  })

  on('resolves tags, versions and manifests, and nothing else', async ({ catalog }) => {
    await commit(catalog, { tags: ['stable'] })
    await commit(catalog)
    const version = async (text: string) => (await catalog.images.resolve(parseReference(text))).version
    assert.is(await version('team/debian:stable'), 1)
    assert.is(await version('team/debian@2'), 2)
    assert.is(await version(`team/debian@${manifest}`), 2)
    for (const text of ['team/debian', 'team/debian:no', 'team/debian@3', 'team/other', 'other/debian@1']) {
      assert.is((await failureOf(catalog.images.resolve(parseReference(text)))).code, 'E_NOT_FOUND')
    }
    assert.equal((await catalog.images.withManifest(manifest)).map((row) => row.version).sort(), [1, 2])
    assert.equal(await catalog.images.withManifest(manifestOf('other')), [])
  })

  on('never gives the number of a removed version again', async ({ catalog }) => {
    await commit(catalog, { tags: ['latest'] })
    await commit(catalog, { tags: ['stable'] })
    await catalog.images.removeVersion(image, 2, by)
    assert.is((await failureOf(catalog.images.removeVersion(image, 2, by))).code, 'E_NOT_FOUND')
    assert.equal(
      (await catalog.images.tags()).map((row) => row.tag),
      ['latest'],
    )
    await catalog.images.remove(image, by)
    assert.is((await failureOf(catalog.images.get(image))).code, 'E_NOT_FOUND')
    assert.is((await failureOf(catalog.images.remove(image, by))).code, 'E_NOT_FOUND')
    assert.equal(await catalog.images.list(), [])
    assert.is((await commit(catalog)).version, 3)
    assert.is((await catalog.images.list()).length, 1)
  })

  on('a name that is taken again is another image', async ({ catalog }) => {
    await commit(catalog)
    const { uuid } = await catalog.images.get(image)
    await catalog.images.remove(image, by)
    assert.is(await create(catalog, image, 'bob'), true)
    const again = await catalog.images.get(image)
    assert.is.not(again.uuid, uuid)
    assert.equal([again.ownerName, again.state, again.uploadedAtMs], ['bob', 'locked', null])
  })

  on('moves and removes tags', async ({ catalog }) => {
    await commit(catalog, { tags: ['a'] })
    await commit(catalog)
    const tag = 'a' as Tag
    await catalog.images.setTag(image, tag, { ...by, version: 2 })
    assert.is((await catalog.images.resolve({ ...image, tag })).version, 2)
    assert.is((await failureOf(catalog.images.setTag(image, tag, { ...by, version: 9 }))).code, 'E_NOT_FOUND')
    assert.equal(
      (await catalog.images.tags(await catalog.images.get(image))).map((row) => [row.tag, row.version]),
      [['a', 2]],
    )
    await catalog.images.removeTag(image, tag, by)
    assert.is((await failureOf(catalog.images.removeTag(image, tag, by))).code, 'E_NOT_FOUND')
  })

  on('lists by name, by code point', async ({ catalog }) => {
    for (const name of ['b/a', 'B/z', 'a/b-1', 'a/b_1', 'a/b.1', 'a/B', 'a/a'])
      await create(catalog, imageKey(name))
    const listed = (await catalog.images.list()).map(({ namespace, name }) => `${namespace}/${name}`)
    assert.equal(listed, ['B/z', 'a/B', 'a/a', 'a/b-1', 'a/b.1', 'a/b_1', 'b/a'])
  })

  on('names differ by case', async ({ catalog }) => {
    assert.is(await create(catalog, imageKey('team/Debian')), true)
    assert.is(await create(catalog, imageKey('team/debian')), true)
    assert.is((await catalog.images.get(imageKey('team/Debian'))).name, 'Debian')
    assert.is((await failureOf(catalog.images.get(imageKey('Team/debian')))).code, 'E_NOT_FOUND')
  })

  on('a namespace has so many images, removed ones not counted', async ({ catalog, sql }) => {
    await create(catalog)
    await sql(`with recursive n(i) as (select 2 union all select i + 1 from n where i < ${IMAGES_PER_NAMESPACE_MAX})
      insert into images (uuid, namespace, name, created_at, last_version, removed)
      select 'u' || i, 'team', 'i' || i, 0, 0, 0 from n`)
    const more = () => create(catalog, imageKey('team/more'))
    assert.is((await failureOf(more())).code, 'E_LIMIT')
    assert.is(await create(catalog), false)
    await catalog.images.remove(imageKey('team/i2'), by)
    assert.is(await more(), true)
  })

  on('no image comes into a namespace that does not exist', async ({ catalog }) => {
    await create(catalog)
    const { ownerId } = await catalog.images.get(image)
    const making = catalog.images.create(imageKey('nowhere/x'), {
      owner: { id: ownerId ?? 0, name: 'alice' },
      ...by,
      nowMs,
    })
    assert.is((await failureOf(making)).code, 'E_CONFLICT')
  })
}

const madeBy = { ownerName: 'alice', ownerDn: owner }
