import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFrames } from '../../../src/api/frame-stream.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { manifestIdOf } from '../../../src/core/cid.ts'
import { encodeManifest } from '../../../src/core/manifest.ts'
import { manifestProof } from '../../../src/core/manifest-proof.ts'
import { parseRecord, RECORD_TYPE } from '../../../src/core/record.ts'
import type { Tag } from '../../../src/core/reference.ts'
import { UPLOAD_EXPIRY_MS } from '../../../src/core/registry-limits.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { imageKey } from '../../fixtures/image-key.ts'
import { makeProxy } from '../../fixtures/make-proxy.ts'
import { rawFrame, testImage } from '../../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  clock: FakeClock
  identity: Identity
  alice: TrackerClient
  bob: TrackerClient
  admin: TrackerClient
}
const test = suite<Context>('uploads')
const key = imageKey('alice/debian')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.clock = new FakeClock(Date.now())
  context.tracker = await context.site.start({ clock: context.clock })
  const client = async (name: string) => {
    context.identity = await context.site.user(name)
    return context.site.client(context.tracker.url, context.identity)
  }
  context.admin = await client('admin')
  context.bob = await client('bob')
  context.alice = await client('alice')
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

test('a push makes a version with a record that the tracker signed', async ({ alice, site, clock }) => {
  const image = testImage({ seed: 'first', blocks: 300, zeros: true })
  const { version, record, sent } = await pushImage(alice, image, { to: 'alice/debian' })
  assert.is(version, 1)
  assert.is(sent, image.blocks.length + image.nodes.length)
  const init = { trust: site.site.trust, typ: RECORD_TYPE, nowMs: clock.now(), host: TRACKER_NAME }
  const claims = parseRecord((await verifyJws(record, init)).claims)
  assert.is(claims.manifest, image.manifestId)
  assert.is(claims.size, image.bytes.length)
  assert.is(claims.sha256, Buffer.from(image.manifest.sha256 ?? []).toString('hex'))
  assert.is(claims.publisher, '/O=Example/OU=users/CN=alice')
  assert.is(await alice.record(key), record)
})

test('a second push sends only what is new', async ({ alice }) => {
  const image = testImage({ seed: 'first', blocks: 310, zeros: true })
  const { version, sent } = await pushImage(alice, image, { to: 'alice/debian', tags: ['latest', 'stable'] })
  assert.is(version, 2)
  assert.ok(sent <= 10 + image.nodes.length)
  const view = await alice.getImage(key.namespace, key.name)
  assert.equal(view.tags, { latest: 2, stable: 2 })
  assert.equal(
    view.versions.map((one) => one.version),
    [1, 2],
  )
})

test('commits at once make consecutive versions', async ({ alice }) => {
  const images = ['a', 'b', 'c', 'd', 'e'].map((seed) => testImage({ seed, blocks: 20 }))
  const results = await Promise.all(images.map((image) => pushImage(alice, image, { to: 'alice/many' })))
  assert.equal(results.map((result) => result.version).sort(), [1, 2, 3, 4, 5])
})

test('an upload belongs to whom opened it, and a namespace to its owner', async ({
  alice,
  bob,
  admin,
  tracker,
  site,
  identity,
}) => {
  assert.is((await failureOf(bob.openUpload(key.namespace, key.name))).code, 'E_NOT_AUTHORISED')
  const upload = await alice.openUpload(key.namespace, key.name)
  const foreign = new HttpsCaller({ url: tracker.url, site, identity: await site.user('mallory') })
  for (const path of [TRACKER_PATHS.need, TRACKER_PATHS.blocks]) {
    const answer = await foreign.call({
      method: 'POST',
      path: fillPath(path, { upload: upload.id }),
      body: new Uint8Array(32),
    })
    assert.is(answer.status, 403)
  }
  foreign.close()
  assert.ok(identity.principal.dn.endsWith('alice'))
  const byAdmin = await admin.openUpload(key.namespace, key.name)
  await byAdmin.abort()
  await upload.abort()
  assert.is((await failureOf(upload.has([new Uint8Array(32)]))).code, 'E_NOT_FOUND')
})

/** As an admin. */
async function post({ site, tracker }: Context, path: string, body: object = {}): Promise<number> {
  const caller = new HttpsCaller({ url: tracker.url, site, identity: await site.user('admin') })
  const { status } = await caller.call({ method: 'POST', path, body: JSON.stringify(body) })
  caller.close()
  return status
}

test('who knows the name of a manifest does not get the image by it', async (context) => {
  const { alice, bob } = context
  const image = testImage({ seed: 'secret', blocks: 5 })
  await pushImage(alice, image, { to: 'alice/secret' })
  const commit = async (name: string) => {
    const upload = await bob.openUpload(imageKey(name).namespace, imageKey(name).name)
    return upload.commit(image.manifestId, { tags: ['latest' as Tag] })
  }
  const failure = await failureOf(commit('bob/copy'))
  assert.is(failure.code, 'E_STATE')
  // As of a manifest that is nowhere: the answer tells nothing.
  const nowhere = testImage({ seed: 'nowhere', blocks: 5 })
  const upload = await bob.openUpload(imageKey('bob/none').namespace, imageKey('bob/none').name)
  const other = await failureOf(upload.commit(nowhere.manifestId, { tags: [] }))
  assert.equal([other.code, other.message], [failure.code, failure.message])
  assert.is(await post(context, '/api/images/alice/secret/share/user/bob'), 200)
  assert.is((await commit('bob/copy')).version, 1)
  // Who has had its bytes needs no right to another's.
  assert.is((await pushImage(bob, image, { to: 'bob/own' })).version, 1)
})

test('nor that of an image that was removed, or of an upload that is not complete', async (context) => {
  const { alice, bob, site, tracker } = context
  const image = testImage({ seed: 'removed', blocks: 5 })
  await pushImage(alice, image, { to: 'alice/removed' })
  const caller = new HttpsCaller({ url: tracker.url, site, identity: await site.user('alice') })
  assert.is((await caller.call({ method: 'DELETE', path: '/api/images/alice/removed' })).status, 200)
  caller.close()
  const begun = testImage({ seed: 'begun', blocks: 5 })
  const hers = await alice.openUpload(key.namespace, key.name)
  await hers.put([...begun.blocks, ...begun.nodes])
  const { namespace, name } = imageKey('bob/neither')
  const upload = await bob.openUpload(namespace, name)
  for (const { manifestId } of [image, begun])
    assert.is((await failureOf(upload.commit(manifestId, { tags: [] }))).code, 'E_STATE')
  await upload.abort()
  await hers.abort()
})

test('an upload ends with the right to write, with the account, and is not for limited proxies', async (context) => {
  const { alice, bob, site, tracker } = context
  const image = testImage({ seed: 'rights', blocks: 2 })
  await pushImage(alice, testImage({ seed: 'rights-0', blocks: 1 }), { to: 'alice/rights' })
  const { namespace, name } = imageKey('alice/rights')
  const give = (right: string) =>
    post(context, '/api/images/alice/rights/acl', { kind: 'user', subject: 'bob', right })
  await give('write')
  const upload = await bob.openUpload(namespace, name)
  await upload.put(image.blocks)
  const identity = await makeProxy(await site.user('bob'), { limited: true })
  const limited = new HttpsCaller({ url: tracker.url, site, identity })
  for (const path of [TRACKER_PATHS.need, TRACKER_PATHS.blocks]) {
    const call = { method: 'POST', path: fillPath(path, { upload: upload.id }), body: new Uint8Array(32) }
    assert.is((await limited.call(call)).problem?.code, 'E_NOT_AUTHORISED')
  }
  limited.close()
  const refused = async () => [
    (await failureOf(upload.has([new Uint8Array(32)]))).code,
    (await failureOf(upload.put(image.nodes))).code,
    (await failureOf(upload.commit(image.manifestId, { tags: [] }))).code,
  ]
  await give('none')
  assert.equal(await refused(), ['E_NOT_AUTHORISED', 'E_NOT_AUTHORISED', 'E_NOT_AUTHORISED'])
  await give('write')
  assert.is(await post(context, '/api/users/bob', { suspended: true }), 200)
  assert.equal(await refused(), ['E_NOT_AUTHORISED', 'E_NOT_AUTHORISED', 'E_NOT_AUTHORISED'])
  assert.is((await failureOf(upload.abort())).code, 'E_NOT_AUTHORISED')
  assert.is(await post(context, '/api/users/bob', { suspended: false }), 200)
  await upload.abort()
})

test('a commit needs everything that the manifest names', async ({ alice }) => {
  const image = testImage({ seed: 'lacking', blocks: 100 })
  const upload = await alice.openUpload(key.namespace, key.name)
  const commit = () => failureOf(upload.commit(image.manifestId, { tags: [] }))
  assert.is((await commit()).code, 'E_STATE')
  await upload.put(image.nodes)
  const lacking = await commit()
  assert.is(lacking.code, 'E_STATE')
  assert.match(String(lacking.data?.['missing']), /^[0-9a-f]{64}$/)
  await upload.put(image.blocks.slice(1))
  assert.is((await commit()).code, 'E_STATE')
  assert.equal(await alice.getImage(key.namespace, key.name).then((view) => view.versions.length), 2)
  await upload.abort()
})

test('a manifest that contradicts its segments or blocks is refused', async ({ alice }) => {
  const image = testImage({ seed: 'honest', blocks: 100 })
  const [link, ...rest] = image.manifest.segments
  assert.ok(link !== undefined)
  if (link === undefined) return
  const moreRuns = { ...image.manifest, segments: [{ ...link, runs: link.runs + 1 }, ...rest] }
  const moreBytes = {
    ...image.manifest,
    size: image.manifest.size + 1,
    segments: [{ ...link, size: link.size + 1 }, ...rest],
  }
  const blockAsSegment = {
    ...image.manifest,
    segments: [{ ...link, digest: image.blocks[0]?.digest ?? link.digest }, ...rest],
  }
  const upload = await alice.openUpload(key.namespace, key.name)
  await upload.put([...image.blocks, ...image.nodes])
  for (const manifest of [moreRuns, moreBytes, blockAsSegment]) {
    const node = rawFrame(encodeManifest(manifest))
    await upload.put([node])
    const failure = await failureOf(upload.commit(manifestIdOf(node.digest), { tags: [] }))
    assert.is(failure.code, 'E_MANIFEST')
  }
  await upload.abort()
})

test('a segment that gives a block another length than it has is refused', async ({ alice }) => {
  const image = testImage({ seed: 'lengths', blocks: 3 })
  const { encodeSegment, runsOf, segmentSize } = await import('../../../src/core/segment.ts')
  const segment = { digests: image.blocks.map((block) => block.digest), spans: [4096, 8192, 8192] }
  const node = rawFrame(encodeSegment(segment))
  const size = segmentSize(segment)
  const links = [{ digest: node.digest, size, runs: runsOf(segment).length }]
  const root = rawFrame(encodeManifest({ ...image.manifest, size, segments: links }))
  const upload = await alice.openUpload(key.namespace, key.name)
  await upload.put([...image.blocks, node, root])
  const failure = await failureOf(upload.commit(manifestIdOf(root.digest), { tags: [] }))
  assert.is(failure.code, 'E_MANIFEST')
  await upload.abort()
})

test('a wrong frame is not stored', async ({ alice }) => {
  const image = testImage({ seed: 'wrong', blocks: 3 })
  const [one, two] = image.blocks
  assert.ok(one !== undefined && two !== undefined)
  if (one === undefined || two === undefined) return
  const upload = await alice.openUpload(key.namespace, key.name)
  const failure = await failureOf(upload.put([{ ...one, digest: two.digest }]))
  assert.is(failure.code, 'E_INTEGRITY')
  assert.equal(await upload.has([one.digest, two.digest]), [false, false])
  await upload.abort()
})

test('a body that is cut off, too long or malformed is a typed error', async ({
  alice,
  tracker,
  site,
  identity,
}) => {
  const image = testImage({ seed: 'cut', blocks: 4 })
  const upload = await alice.openUpload(key.namespace, key.name)
  const caller = new HttpsCaller({ url: tracker.url, site, identity })
  const path = fillPath(TRACKER_PATHS.blocks, { upload: upload.id })
  const stream = encodeFrames(image.blocks)
  const cases: [Uint8Array, string][] = [
    [stream.subarray(0, stream.length - 5), 'E_INTEGRITY'],
    [stream.subarray(0, 20), 'E_INTEGRITY'],
    [Buffer.alloc(100, 0xff), 'E_PROTOCOL'],
  ]
  for (const [body, code] of cases) {
    const answer = await caller.call({ method: 'POST', path, body })
    assert.is(answer.problem?.code, code)
  }
  const long = rawFrame(new Uint8Array(8 * 1024 * 1024))
  const tooLong = await caller.call({ method: 'POST', path, body: encodeFrames([long, long, long]) })
  assert.is(tooLong.problem?.code, 'E_LIMIT')
  await caller.breakOff({ path, body: stream.subarray(0, 9000), length: stream.length })
  assert.equal(await upload.has(image.blocks.map((block) => block.digest)), [false, false, false, false])
  const odd = await caller.call({
    method: 'POST',
    path: fillPath(TRACKER_PATHS.need, { upload: upload.id }),
    body: new Uint8Array(33),
  })
  assert.is(odd.problem?.code, 'E_INVALID')
  caller.close()
  await upload.abort()
})

test('a large body that is refused early still gets its answer', async ({
  alice,
  tracker,
  site,
  identity,
}) => {
  const upload = await alice.openUpload(key.namespace, key.name)
  await upload.abort()
  const node = rawFrame(new Uint8Array(4_000_000))
  for (let i = 0; i < 5; i++) assert.is((await failureOf(upload.put([node]))).code, 'E_NOT_FOUND')
  const open = await alice.openUpload(key.namespace, key.name)
  const wrong = Buffer.concat([Buffer.alloc(41, 0xff), node.bytes])
  const caller = new HttpsCaller({ url: tracker.url, site, identity })
  for (let i = 0; i < 5; i++) {
    const path = fillPath(TRACKER_PATHS.blocks, { upload: open.id })
    assert.is((await caller.call({ method: 'POST', path, body: wrong })).problem?.code, 'E_PROTOCOL')
  }
  caller.close()
  await open.abort()
})

test('what an open upload holds survives garbage collection, what an expired one held does not', async ({
  alice,
  bob,
  admin,
  clock,
}) => {
  const image = testImage({ seed: 'resume', blocks: 50 })
  const upload = await alice.openUpload(key.namespace, key.name)
  await upload.put(image.blocks)
  assert.is((await failureOf(bob.gc())).code, 'E_NOT_AUTHORISED')
  await admin.gc()
  const again = await alice.openUpload(key.namespace, key.name)
  const held = await again.has(image.blocks.map((block) => block.digest))
  assert.ok(held.every(Boolean))
  await clock.advance(UPLOAD_EXPIRY_MS)
  assert.is((await failureOf(upload.has([new Uint8Array(32)]))).code, 'E_NOT_FOUND')
  const report = await admin.gc()
  assert.ok(report.expiredUploads >= 2)
  assert.ok(report.blocksDeleted >= 50)
  const last = await alice.openUpload(key.namespace, key.name)
  assert.ok(!(await last.has(image.blocks.map((block) => block.digest))).some(Boolean))
  await last.abort()
})

test('committed images survive garbage collection', async ({ alice, admin }) => {
  await admin.gc()
  const view = await alice.getImage(key.namespace, key.name)
  assert.is(view.versions.length, 2)
  const image = testImage({ seed: 'first', blocks: 310, zeros: true })
  const { sent } = await pushImage(alice, image, { to: 'alice/copy' })
  assert.ok(sent <= image.nodes.length)
})

test('has asks for thousands of digests in bounded requests', async ({ alice }) => {
  const upload = await alice.openUpload(key.namespace, key.name)
  const digests = Array.from({ length: 40_000 }, (_, i) => {
    const digest = new Uint8Array(32)
    new DataView(digest.buffer).setUint32(0, i)
    return digest
  })
  const held = await upload.has(digests)
  assert.is(held.length, 40_000)
  assert.ok(!held.some(Boolean))
  await upload.abort()
})

test('knowing the CID of an image is not having it', async ({ alice, bob, admin }) => {
  const image = testImage({ seed: 'private', blocks: 20 })
  await pushImage(alice, image, { to: 'alice/private' })
  const { namespace, name } = imageKey('bob/stolen')
  const commit = async (client: TrackerClient, manifestBytes?: Uint8Array) => {
    const upload = await client.openUpload(namespace, name)
    const init = { tags: [], ...(manifestBytes && { manifestBytes }) }
    return await upload.commit(image.manifestId, init)
  }
  assert.is((await failureOf(commit(bob))).code, 'E_STATE')
  const other = encodeManifest(testImage({ seed: 'other', blocks: 20 }).manifest)
  assert.is((await failureOf(commit(bob, other))).code, 'E_STATE')
  assert.is((await commit(bob, encodeManifest(image.manifest))).version, 1)
  assert.is((await commit(admin)).version, 2)
})

test('a proof is good for one upload', () => {
  const bytes = Buffer.from('manifest')
  assert.not.equal(manifestProof('a', bytes), manifestProof('b', bytes))
  assert.is(manifestProof('a', bytes), createHash('sha256').update('a\nmanifest').digest('hex'))
})

test.run()
