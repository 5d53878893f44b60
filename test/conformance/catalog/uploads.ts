import * as assert from 'uvu/assert'
import { digestOf } from '../../../src/core/cid.ts'
import {
  UPLOAD_ADOPT_AFTER_MS,
  UPLOAD_EXPIRY_MS,
  UPLOADS_OPEN_MAX,
} from '../../../src/core/registry-limits.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { by, create, here, image, nowMs, type On, owner, there, upload } from './steps.ts'

/** Open uploads and what they keep. */
export function uploadTests(on: On): void {
  on('keeps leases until the upload ends or expires', async ({ catalog }) => {
    const id = await upload(catalog)
    const digests = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))]
    await catalog.uploads.lease(id, digests, { nowMs })
    const leased = () => Array.fromAsync(catalog.uploads.leased(here))
    assert.equal(
      await leased(),
      digests.map((digest) => new Uint8Array(digest)),
    )
    const late = nowMs + UPLOAD_EXPIRY_MS
    await catalog.uploads.get(id, { nowMs: late - 1 })
    assert.is((await failureOf(catalog.uploads.get(id, { nowMs: late }))).code, 'E_NOT_FOUND')
    assert.is(await catalog.uploads.removeExpired({ nowMs: late }), 1)
    assert.equal(await leased(), [])
  })

  on('keeps what is leased at one tracker from that one alone', async ({ catalog }) => {
    const digest = digestOf(Buffer.from('block'))
    await catalog.uploads.lease(await upload(catalog, there), [digest], { nowMs })
    assert.equal(await Array.fromAsync(catalog.uploads.leased(here)), [])
    assert.is((await Array.fromAsync(catalog.uploads.leased(there))).length, 1)
  })

  on('says whose an upload is, and where it was opened', async ({ catalog }) => {
    const id = await upload(catalog, there)
    const { principal, tracker, namespace, name } = await catalog.uploads.get(id, { nowMs })
    assert.equal({ principal, tracker, namespace, name }, { principal: owner, tracker: there, ...image })
    await catalog.uploads.remove(id, { nowMs })
    await catalog.uploads.remove(id, { nowMs })
    assert.is((await failureOf(catalog.uploads.get(id, { nowMs }))).code, 'E_NOT_FOUND')
    assert.is((await failureOf(catalog.uploads.lease(id, [], { nowMs }))).code, 'E_NOT_FOUND')
  })

  on('a request makes an upload live longer', async ({ catalog }) => {
    const id = await upload(catalog)
    await catalog.uploads.lease(id, [], { nowMs: nowMs + 1000 })
    assert.is((await catalog.uploads.get(id, { nowMs })).expiresAtMs, nowMs + 1000 + UPLOAD_EXPIRY_MS)
  })

  on('bounds the open uploads of one principal', async ({ catalog }) => {
    for (let i = 0; i < UPLOADS_OPEN_MAX; i++) await upload(catalog)
    assert.is((await failureOf(upload(catalog))).code, 'E_LIMIT')
  })

  on(
    'an upload that was broken off is opened again by its principal, with what it keeps',
    async ({ catalog }) => {
      const first = await upload(catalog)
      const digest = digestOf(Buffer.from('block'))
      await catalog.uploads.lease(first, [digest], { nowMs })
      const { id } = await catalog.images.get(image)
      const later = nowMs + UPLOAD_ADOPT_AFTER_MS
      const open = async (atMs: number, { principal = owner, tracker = here } = {}) =>
        (await catalog.uploads.open(id, { principal, tracker, nowMs: atMs })).upload
      assert.is.not(await open(later - 1, { principal: '/CN=bob' }), first)
      assert.is.not(await open(later, { tracker: there }), first, 'its blocks are at another tracker')
      assert.is(await open(later), first)
      const { expiresAtMs } = await catalog.uploads.get(first, { nowMs: later })
      assert.is(expiresAtMs, later + UPLOAD_EXPIRY_MS)
      assert.equal(await Array.fromAsync(catalog.uploads.leased(here)), [new Uint8Array(digest)])
      assert.is.not(await open(later), first, 'a push under way keeps its own')
    },
  )

  on(
    'interrupted pushes lock nobody out, and expired uploads go when another is opened',
    async ({ catalog }) => {
      for (let i = 0; i < UPLOADS_OPEN_MAX; i++) await upload(catalog)
      assert.is((await failureOf(upload(catalog))).code, 'E_LIMIT')
      const { id } = await catalog.images.get(image)
      const open = (atMs: number) =>
        catalog.uploads.open(id, { principal: owner, tracker: here, nowMs: atMs })
      await open(nowMs + UPLOAD_ADOPT_AFTER_MS)
      const afterMs = nowMs + UPLOAD_EXPIRY_MS
      await open(afterMs)
      assert.is(await catalog.uploads.removeExpired({ nowMs: afterMs }), 0)
    },
  )

  on('the uploads of an image go with it', async ({ catalog }) => {
    const id = await upload(catalog)
    await catalog.images.remove(image, by)
    assert.is((await failureOf(catalog.uploads.get(id, { nowMs }))).code, 'E_NOT_FOUND')
    await create(catalog)
    const opening = catalog.uploads.open(10_000, { principal: owner, tracker: here, nowMs })
    assert.is((await failureOf(opening)).code, 'E_NOT_FOUND')
  })
}
