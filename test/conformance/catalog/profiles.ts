import * as assert from 'uvu/assert'
import type { BootRead } from '../../../src/core/boot-profile.ts'
import { digestOfReads } from '../../../src/core/boot-profile.ts'
import type { ManifestId } from '../../../src/core/cid.ts'
import { BOOT_RECORDINGS_MAX, PROFILES_REMADE_MAX } from '../../../src/core/registry-limits.ts'
import type { Catalog } from '../../../tracker/catalog/catalog.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { atOnce, by, commit, image, manifest, manifestOf, nowMs, type On } from './steps.ts'

const PAGE = 4096
const page = (at: number, ms = 0): BootRead => [at * PAGE, PAGE, ms]

interface Recorded {
  readonly node?: string
  readonly reads?: readonly BootRead[]
  readonly of?: ManifestId
  readonly atMs?: number
}

async function record(catalog: Catalog, init: Recorded = {}): Promise<void> {
  const { node = 'a', reads = [page(0)], of = manifest, atMs = nowMs } = init
  const { id } = await catalog.images.get(image)
  await catalog.profiles.record(id, { manifest: of, reads, durationMs: 10 }, { node, nowMs: atMs })
}

async function profileOf(catalog: Catalog, of = manifest) {
  const { id } = await catalog.images.get(image)
  return await catalog.profiles.get({ image: id, manifest: of })
}

/** What machines read while they boot. */
export function profileTests(on: On): void {
  on(
    'a profile is what half of the nodes read, each with its newest recording',
    async ({ catalog, other }) => {
      await commit(catalog)
      assert.is(await profileOf(catalog), undefined)
      await record(catalog, { node: 'a', reads: [page(0), page(4, 5)] })
      await record(other, { node: 'b', reads: [page(0), page(8, 7)] })
      const both = [page(0), page(4, 5), page(8, 7)]
      const facts = { manifest, recordings: 2, bytes: 3 * PAGE, updatedAtMs: nowMs }
      assert.equal(await profileOf(other), { ...facts, digest: digestOfReads(both), reads: both })
      await record(catalog, { node: 'c', reads: [page(0), page(8, 9)], atMs: nowMs + 5 })
      const common = [page(0), page(8, 7)]
      const { id } = await catalog.images.get(image)
      assert.is(await other.profiles.digest({ image: id, manifest }), digestOfReads(common))
      assert.equal((await profileOf(catalog))?.updatedAtMs, nowMs + 5)
      for (const node of ['b', 'c']) await record(catalog, { node, reads: [page(20)] })
      assert.equal([(await profileOf(other))?.reads, (await profileOf(other))?.recordings], [[page(20)], 3])
    },
  )

  on('no profile is made of recordings without anything in common', async ({ catalog }) => {
    await commit(catalog)
    for (const [at, node] of ['a', 'b', 'c'].entries()) await record(catalog, { node, reads: [page(at * 4)] })
    assert.is(await profileOf(catalog), undefined)
    await record(catalog, { node: 'c', reads: [page(0)] })
    assert.equal((await profileOf(catalog))?.reads, [page(0)])
  })

  on('the newest recordings count, and no more are kept than there may be', async ({ catalog }) => {
    await commit(catalog)
    await record(catalog, { node: 'old', reads: [page(100)] })
    for (let i = 0; i < BOOT_RECORDINGS_MAX; i++)
      await record(catalog, { node: `n${i}`, reads: [page(i)], atMs: nowMs + 1 + i })
    await record(catalog, { node: 'n0', reads: [page(7)], atMs: nowMs + 50 })
    for (let i = 0; i < BOOT_RECORDINGS_MAX / 2; i++)
      await record(catalog, { node: `late${i}`, reads: [page(7)], atMs: nowMs + 60 })
    const profile = await profileOf(catalog)
    assert.equal([profile?.recordings, profile?.reads], [BOOT_RECORDINGS_MAX, [page(7)]])
  })

  on('a dropped profile begins anew', async ({ catalog, other }) => {
    await commit(catalog)
    const key = { image: (await catalog.images.get(image)).id, manifest }
    assert.not(await catalog.profiles.drop(key))
    for (const node of ['a', 'b']) await record(catalog, { node })
    assert.ok(await other.profiles.drop(key))
    assert.is(await catalog.profiles.digest(key), undefined)
    await record(catalog, { node: 'c', reads: [page(3)] })
    assert.equal([(await profileOf(other))?.recordings, (await profileOf(other))?.reads], [1, [page(3)]])
  })

  on('versions with one manifest share a profile, which goes with the last of them', async ({ catalog }) => {
    await commit(catalog)
    await commit(catalog)
    const next = manifestOf('next')
    await commit(catalog, { manifest: next })
    await record(catalog)
    await record(catalog, { of: next, reads: [page(1)] })
    await catalog.images.removeVersion(image, 1, by)
    assert.equal((await profileOf(catalog))?.reads, [page(0)])
    await catalog.images.removeVersion(image, 2, by)
    assert.is(await profileOf(catalog), undefined)
    assert.equal((await profileOf(catalog, next))?.reads, [page(1)])
    assert.is((await failureOf(record(catalog))).code, 'E_NOT_FOUND')
  })

  on(
    'an image that was removed has none when it is made again; a renamed one keeps it',
    async ({ catalog }) => {
      await commit(catalog)
      await record(catalog)
      const stored = await catalog.images.get(image)
      const to = imageKey(`${image.namespace}/renamed`)
      const plan = await catalog.changes.planRename(stored, to)
      await catalog.changes.rename(
        { image: stored, to, owner: undefined, plan },
        { fields: {}, properties: {} },
        by,
      )
      assert.ok(await catalog.profiles.digest({ image: stored.id, manifest }))
      await catalog.images.remove(to, by)
      assert.is(await catalog.profiles.digest({ image: stored.id, manifest }), undefined)
      await commit(catalog)
      await record(catalog)
      await catalog.images.remove(image, by)
      await commit(catalog)
      assert.is(await profileOf(catalog), undefined)
      await record(catalog, { node: 'b', reads: [page(2)] })
      assert.equal((await profileOf(catalog))?.recordings, 1)
    },
  )

  on('a node that is forgotten has no part in a profile any more', async ({ catalog, other }) => {
    await commit(catalog)
    await record(catalog, { node: 'a', reads: [page(0), page(5)] })
    await record(catalog, { node: 'b', reads: [page(0)] })
    const forget = (node: string) =>
      catalog.transaction((trx) => catalog.profiles.forget(trx, node, { nowMs: nowMs + 9 }))
    await forget('nobody')
    assert.equal((await profileOf(other))?.reads, [page(0), page(5)])
    await forget('a')
    const facts = { manifest, recordings: 1, bytes: PAGE, updatedAtMs: nowMs + 9 }
    assert.equal(await profileOf(other), { ...facts, digest: digestOfReads([page(0)]), reads: [page(0)] })
    await record(catalog, { node: 'c', reads: [page(9)] })
    assert.equal((await profileOf(catalog))?.recordings, 2)
    for (const node of ['b', 'c']) await forget(node)
    assert.is(await profileOf(other), undefined)
  })

  on('of a node that is forgotten so many profiles are made anew, the others go', async ({ catalog }) => {
    const many = Array.from({ length: PROFILES_REMADE_MAX + 2 }, (_, i) => manifestOf(`m${i}`))
    for (const [i, of] of many.entries()) {
      await commit(catalog, { manifest: of })
      for (const node of ['a', 'b']) await record(catalog, { node, of, atMs: nowMs + i })
    }
    await catalog.transaction((trx) => catalog.profiles.forget(trx, 'a', { nowMs }))
    const left = await Promise.all(many.map((of) => profileOf(catalog, of)))
    assert.equal(
      left.map((profile) => profile?.recordings),
      many.map((_, i) => (i < 2 ? undefined : 1)),
    )
    await record(catalog, { node: 'c', of: many[0] ?? manifest })
    assert.equal((await profileOf(catalog, many[0]))?.recordings, 2)
  })

  on('recordings that come at once are all in the profile', async (it) => {
    await commit(it.catalog)
    const { codes } = await atOnce(it, 8, (catalog, i) =>
      record(catalog, { node: `n${i}`, reads: [page(0), page(2 + i)] }),
    )
    assert.equal(codes, [])
    assert.equal(
      [(await profileOf(it.other))?.recordings, (await profileOf(it.other))?.reads],
      [8, [page(0)]],
    )
  })
}
