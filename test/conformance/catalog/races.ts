import * as assert from 'uvu/assert'
import { parseReference } from '../../../src/core/reference.ts'
import {
  IMAGES_PER_NAMESPACE_MAX,
  NAMESPACES_PER_PRINCIPAL_MAX,
  UPLOADS_OPEN_MAX,
} from '../../../src/core/registry-limits.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import {
  atOnce,
  by,
  commit,
  create,
  here,
  image,
  manifest,
  nowMs,
  type On,
  owner,
  there,
  upload,
  userOf,
} from './steps.ts'

/** What several trackers, or several requests, do at the same moment. */
export function raceTests(on: On): void {
  on('gives consecutive versions, whatever comes at once', async (it) => {
    const { values } = await atOnce(it, 10, (catalog, i) =>
      commit(catalog, { tags: ['latest'], tracker: i % 2 === 0 ? here : there }),
    )
    const versions = values.map(({ version }) => version).sort((one, two) => one - two)
    assert.equal(versions, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const stored = await it.catalog.images.versions()
    assert.equal(
      stored.map(({ version, record }) => [version, record]),
      versions.map((version) => [version, values.find((value) => value.version === version)?.record]),
    )
    const latest = await it.catalog.images.resolve(parseReference('team/debian'))
    assert.is(latest.version, 10)
    assert.equal((await it.catalog.trackers.holders(manifest)).peers.sort(), [here, there])
  })

  on('an upload that is committed twice at once makes one version', async (it) => {
    const id = await upload(it.catalog)
    const facts = { manifest, size: 1, contentBytes: 1, sha256: null, runs: 1, publisher: owner, nowMs }
    const init = { ...facts, tags: [], tracker: here, upload: id }
    const { values, codes } = await atOnce(it, 4, (catalog) => catalog.images.addVersion(init))
    assert.is(values.length, 1)
    assert.equal(codes, ['E_NOT_FOUND', 'E_NOT_FOUND', 'E_NOT_FOUND'])
    assert.is((await it.catalog.images.versions()).length, 1)
  })

  on('an image is made once, whoever makes it at once', async (it) => {
    await create(it.catalog, imageKey('team/other'))
    const { id } = await userOf(it.catalog)
    const { values } = await atOnce(it, 8, (catalog) =>
      catalog.images.create(image, { owner: { id, name: 'alice' }, ...by }),
    )
    assert.equal(values.filter(Boolean), [true])
    assert.is(values.length, 8)
  })

  on('one certificate is one user, whoever meets it first', async (it) => {
    const { values } = await atOnce(it, 8, (catalog) => userOf(catalog, 'alice'))
    assert.is(new Set(values.map((user) => user.id)).size, 1)
    assert.is(values.length, 8)
  })

  on('users of one common name get different names at once', async (it) => {
    const { values } = await atOnce(it, 6, (catalog, i) =>
      catalog.users.ensure({ dn: `/OU=${i}/CN=Ann`, wanted: 'Ann', state: 'active', nowMs }),
    )
    assert.equal(values.map((user) => user.name).sort(), ['Ann', 'Ann-2', 'Ann-3', 'Ann-4', 'Ann-5', 'Ann-6'])
  })

  on('a name that several take at once goes to one, and the others hear of it', async (it) => {
    const { values, codes } = await atOnce(it, 4, (catalog, i) =>
      catalog.users.create({ name: 'alice', dn: `/CN=${i}`, state: 'active', nowMs }),
    )
    assert.is(values.length, 1)
    assert.equal(codes, ['E_CONFLICT', 'E_CONFLICT', 'E_CONFLICT'])
  })

  on('a namespace goes to one of those who want it', async (it) => {
    const users = await Promise.all([0, 1, 2, 3].map((i) => userOf(it.catalog, `u${i}`)))
    const { values } = await atOnce(it, 4, async (catalog, i) => {
      const owner = { kind: 'user' as const, id: users[i]?.id ?? 0, name: `u${i}` }
      return await catalog.namespaces.create(image.namespace, { owner, ...by })
    })
    assert.equal(values.filter(Boolean), [true])
  })

  on('bounds hold for what comes at once', async (it) => {
    const { catalog, sql } = it
    const { id } = await userOf(catalog)
    const mine = { kind: 'user' as const, id, name: 'alice' }
    for (let n = 2; n < NAMESPACES_PER_PRINCIPAL_MAX; n++)
      await catalog.namespaces.create(imageKey(`n${n}/x`).namespace, { owner: mine, ...by })
    const namespaces = await atOnce(it, 6, (one, i) =>
      one.namespaces.create(imageKey(`more${i}/x`).namespace, { owner: mine, ...by }),
    )
    assert.is(namespaces.values.length, 2)
    await sql(`with recursive n(i) as (select 2 union all select i + 1 from n where i < ${IMAGES_PER_NAMESPACE_MAX - 1})
      insert into images (uuid, namespace, name, created_at, last_version, removed)
      select 'u' || i, 'n2', 'i' || i, 0, 0, 0 from n`)
    const images = await atOnce(it, 6, (one, i) =>
      one.images.create(imageKey(`n2/new${i}`), { owner: { id, name: 'alice' }, ...by }),
    )
    assert.is(images.values.length, 2)
    const key = await catalog.images.get(imageKey('n2/i2'))
    for (let n = 2; n < UPLOADS_OPEN_MAX; n++)
      await catalog.uploads.open(key.id, { principal: owner, tracker: here, nowMs })
    const uploads = await atOnce(it, 6, (one) =>
      one.uploads.open(key.id, { principal: owner, tracker: here, nowMs }),
    )
    assert.is(uploads.values.length, 2)
    for (const { codes } of [namespaces, images, uploads]) assert.equal(codes, Array(4).fill('E_LIMIT'))
  })

  on(
    'an image that is removed while versions come has none of them, or those that came later',
    async (it) => {
      await commit(it.catalog)
      await atOnce(it, 8, async (catalog, i) => {
        if (i === 3) return await catalog.images.remove(image, by)
        await commit(catalog)
      })
      const listed = await it.catalog.images.list()
      const versions = await it.catalog.images.versions()
      if (listed.length === 0) assert.equal(versions, [])
      assert.is(new Set(versions.map(({ version }) => version)).size, versions.length)
    },
  )

  on('tags of versions that go meanwhile point nowhere', async (it) => {
    await commit(it.catalog)
    await commit(it.catalog)
    await atOnce(it, 8, async (catalog, i) => {
      if (i === 3) return await catalog.images.removeVersion(image, 1, by)
      await catalog.images.setTag(image, 'moving' as never, { ...by, version: (i % 2) + 1 })
    })
    const versions = new Set((await it.catalog.images.versions()).map(({ version }) => version))
    for (const tag of await it.catalog.images.tags()) assert.ok(versions.has(tag.version))
  })
}
