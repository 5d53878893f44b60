import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { digestKey, digestOf, type ManifestId } from '../../../src/core/cid.ts'
import { PUBLICATION_TYPE } from '../../../src/core/publication.ts'
import { parseRecord, RECORD_TYPE } from '../../../src/core/record.ts'
import type { Tag } from '../../../src/core/reference.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { signJws, verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeProxy } from '../../fixtures/make-proxy.ts'
import { editDatabase } from '../../fixtures/registry.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { ADMIN_DN, pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const key = imageKey('alice/debian')
const version = { ...key, version: 1 }
const image = testImage({ seed: 'signed', blocks: 5 })
const sha256 = Buffer.from(image.manifest.sha256 ?? []).toString('hex')
const facts = { ...key, manifest: image.manifestId, size: image.bytes.length, sha256 }

interface Context {
  site: TrackerSite
  tracker: Tracker
  alice: Identity
  bob: Identity
  client: TrackerClient
}
const test = suite<Context>('signatures of publishers')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  context.alice = await context.site.user('alice')
  context.bob = await context.site.user('bob')
  context.client = context.site.client(context.tracker.url, context.alice)
  await pushImage(context.client, image, { to: 'alice/debian' })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const nowS = () => Math.floor(Date.now() / 1000)
const sign = (identity: Identity, changed: Record<string, unknown> = {}) =>
  signJws(identity, { ...facts, iat: nowS(), ...changed }, { typ: PUBLICATION_TYPE })

async function recordOf({ site }: Context, token: string) {
  const init = { trust: site.site.trust, typ: RECORD_TYPE, nowMs: Date.now(), host: TRACKER_NAME }
  return parseRecord((await verifyJws(token, init)).claims)
}

test('nobody has signed before somebody does', async ({ client }) => {
  assert.is((await failureOf(client.signed.signature(version))).code, 'E_NOT_FOUND')
})

test('who pushed a version signs it later, and the tracker attests when', async (context) => {
  const { client, alice } = context
  const token = await sign(alice)
  const before = nowS()
  const { record } = await client.signed.putSignature(version, token)
  const { signature, event, serial } = await recordOf(context, record)
  assert.equal([event, serial], ['sign', 2])
  assert.is(signature?.signer, alice.principal.dn)
  assert.is(signature?.digest, digestKey(digestOf(Buffer.from(token))))
  assert.ok((signature?.at ?? 0) >= before)
  assert.equal(await client.signed.signature(version), { signature: token, record })
  assert.is(await client.record({ ...key, version: 1 }), record)
})

test('a push brings the signature along, also one of a proxy', async (context) => {
  const { client, alice } = context
  const upload = await client.openUpload(key.namespace, key.name)
  await upload.has([...image.blocks, ...image.nodes].map((frame) => frame.digest))
  const signature = await sign(await makeProxy(alice, { lifetimeMs: 3_600_000 }))
  const { record } = await upload.commit(image.manifestId, { tags: ['latest' as Tag], signature })
  const { event, signature: named } = await recordOf(context, record)
  assert.equal([event, named?.signer], ['commit', alice.principal.dn])
  assert.is((await client.signed.signature({ ...key, version: 2 })).signature, signature)
  const view = await client.getImage(key.namespace, key.name)
  assert.is(view.signed_by, alice.principal.dn)
})

test('what is signed must be what it is said to be, by who brings it, and now', async (context) => {
  const { client, alice, bob } = context
  const other = testImage({ seed: 'other', blocks: 1 }).manifestId
  const put = async (token: string) => (await failureOf(client.signed.putSignature(version, token))).code
  for (const changed of [
    { name: 'ubuntu' },
    { namespace: 'bob' },
    { manifest: other },
    { size: 1 },
    { sha256: null },
    { iat: nowS() + 3600 },
    { iat: nowS() - 48 * 3600 },
  ])
    assert.is(await put(await sign(alice, changed)), 'E_SIGNATURE', JSON.stringify(changed))
  for (const changed of [{ manifest: 'x' as ManifestId }, { iat: 'now' }, { size: -1 }, { name: undefined }])
    assert.is(await put(await sign(alice, changed)), 'E_INVALID', JSON.stringify(changed))
  assert.is(await put(await sign(bob)), 'E_SIGNATURE')
  assert.is(await put(await sign(await makeProxy(alice, { limited: true }))), 'E_NOT_AUTHORISED')
  assert.is(await put(`${await sign(alice)}x`), 'E_SIGNATURE')
  assert.is(await put(await signJws(alice, { ...facts, iat: nowS() }, { typ: RECORD_TYPE })), 'E_SIGNATURE')
  const foreign = await await TrackerSite.create()
  assert.is(await put(await sign(await foreign.user('alice'))), 'E_CERTIFICATE')
  await foreign.remove()
})

test('a commit with a signature of other bytes makes no version', async ({ client, alice }) => {
  const upload = await client.openUpload(key.namespace, key.name)
  await upload.has([...image.blocks, ...image.nodes].map((frame) => frame.digest))
  const signature = await sign(alice, { size: 1 })
  const failure = await failureOf(upload.commit(image.manifestId, { tags: [], signature }))
  assert.is(failure.code, 'E_SIGNATURE')
  assert.is((await client.getImage(key.namespace, key.name)).version, 2)
})

test('others sign only what they own', async (context) => {
  const { client, site, tracker, bob } = context
  const place = { namespace: key.namespace, name: key.name }
  const theirs = site.client(tracker.url, bob)
  await theirs.whoami()
  await client.signed.changeAcl(place, { entry: { kind: 'user', subject: 'bob', right: 'write' } })
  const put = async (identity: Identity) => await theirs.signed.putSignature(version, await sign(identity))
  assert.is((await failureOf(put(bob))).code, 'E_NOT_AUTHORISED')
  await client.signed.changeAcl(place, { entry: { kind: 'user', subject: 'bob', right: 'admin' } })
  const { record } = await put(bob)
  assert.is((await recordOf(context, record)).signature?.signer, bob.principal.dn)
  assert.ok(ADMIN_DN)
})

test('a signature that was changed in the database is not given out', async ({ client, site, alice }) => {
  const token = await sign(alice)
  editDatabase(`${site.dir}/data`, (db) =>
    db.prepare('update versions set signature = ? where version = 1').run(token),
  )
  assert.is((await failureOf(client.signed.signature(version))).code, 'E_TAMPERED')
})

test.run()
