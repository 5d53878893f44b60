import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PutRecordingBody } from '../../../src/api/profile-schemas.ts'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { fillPath, TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import {
  BOOT_PROFILE_TYPE,
  type BootRead,
  checkBootProfile,
  digestOfReads,
  parseBootProfile,
} from '../../../src/core/boot-profile.ts'
import { DELEGATION_TYPE } from '../../../src/core/delegation.ts'
import { BOOT_READS_MAX } from '../../../src/core/disk-limits.ts'
import { parseReference } from '../../../src/core/reference.ts'
import { BOOT_RECORDING_BODY_BYTES_MAX, BOOT_RECORDINGS_BURST } from '../../../src/core/registry-limits.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { signJws, verifyJws } from '../../../src/identity/jws.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { ADMIN_DN, pushImage, type SiteNode, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  alice: TrackerClient
  bob: TrackerClient
  one: SiteNode
  two: SiteNode
  bobs: Identity
}

const test = suite<Context>('boot profile routes')
const image = testImage({ seed: 'boot', blocks: 60 })
const { size } = image.manifest
const manifest = image.manifestId
const first: readonly BootRead[] = [
  [8192, 4096, 0],
  [65_536, 8192, 4],
]
const second: readonly BootRead[] = [
  [8192, 4096, 0],
  [131_072, 4096, 2],
]
const both: readonly BootRead[] = [
  [8192, 4096, 0],
  [131_072, 4096, 2],
  [65_536, 8192, 4],
]
const debian = parseReference('alice/debian')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { site, tracker } = context
  context.one = await site.node(tracker.url, 'node-1')
  context.two = await site.node(tracker.url, 'node-2')
  context.bobs = await site.user('bob')
  context.alice = site.client(tracker.url, await site.user('alice'))
  context.bob = site.client(tracker.url, context.bobs)
})
test.before.each(async ({ alice }) => {
  await pushImage(alice, image, { to: 'alice/debian' })
})
test.after.each(async ({ alice }) => {
  await alice.removeImage(debian.namespace, debian.name)
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

const recording = { manifest, reads: first, durationMs: 10 }
const bodyOf = ({ peer }: SiteNode, more: Partial<PutRecordingBody> = {}) => ({
  ...{ reference: 'alice/debian', peer, ...recording },
  ...more,
})
const record = (node: SiteNode, more: Partial<PutRecordingBody> = {}) =>
  node.client.profiles.record(bodyOf(node, more))
const find = ({ client, peer }: SiteNode) => client.profiles.find({ reference: 'alice/debian', peer })
const join = ({ client, peer }: SiteNode) =>
  client.join({ reference: 'alice/debian', peer, addresses: ['/ip4/10.0.0.1/tcp/4002'] })
const codeOf = async (call: Promise<unknown>) => (await failureOf(call)).code

test('nodes record, the profile is signed for others, and a join names it', async ({
  one,
  two,
  alice,
  site,
}) => {
  assert.is((await join(one)).profile, undefined)
  const none = await failureOf(find(one))
  assert.is(none.code, 'E_NOT_FOUND')
  assert.match(none.message, /no boot profile of this image/)
  await record(one)
  await record(two, { reads: second })
  const found = await find(two)
  const trusted = { trust: site.site.trust, nowMs: Date.now(), host: TRACKER_NAME, typ: BOOT_PROFILE_TYPE }
  const profile = parseBootProfile((await verifyJws(found.token, trusted)).claims)
  checkBootProfile(profile, { manifest, size, reads: found.reads })
  assert.equal(found.reads, both)
  assert.equal([profile.recordings, profile.reads, profile.bytes], [2, 3, 16_384])
  assert.equal([found.manifest, found.recordings, found.bytes], [manifest, 2, 16_384])
  assert.is(profile.updated, Math.floor(Date.parse(found.updatedAt) / 1000))
  assert.is((await join(one)).profile, digestOfReads(both))
  assert.equal((await alice.profiles.get(debian)).reads, both)
  await record(two)
  assert.equal((await one.client.profiles.get({ ...debian, version: 1 })).reads, first)
})

test('who has the profile is told so in a few bytes', async ({ one, site, tracker, bobs }) => {
  await record(one)
  const caller = new HttpsCaller({ url: tracker.url, site, identity: one.identity })
  const stranger = new HttpsCaller({ url: tracker.url, site, identity: bobs })
  const call = { method: 'GET', path: fillPath(TRACKER_PATHS.profile, debian) }
  try {
    const whole = await caller.call(call)
    const etag = String(whole.headers['etag'])
    assert.is(etag, `W/"${digestOfReads(first)}"`)
    const same = await caller.call({ ...call, headers: { 'if-none-match': etag } })
    assert.equal([same.status, same.body.length, same.headers['etag']], [304, 0, etag])
    assert.is((await caller.call({ ...call, headers: { 'if-none-match': 'W/"other"' } })).status, 200)
    assert.is((await caller.call({ ...call, path: `${call.path}?tag=none` })).status, 404)
    assert.is((await stranger.call({ ...call, headers: { 'if-none-match': etag } })).status, 403)
  } finally {
    caller.close()
    stranger.close()
  }
})

test('who may write the image drops its profile, and nobody else', async ({ one, two, alice, bob }) => {
  await record(one)
  for (const { profiles } of [bob, two.client])
    assert.is(await codeOf(profiles.drop(debian)), 'E_NOT_AUTHORISED')
  const entry = { kind: 'user', subject: 'bob', right: 'read' } as const
  await alice.signed.changeAcl({ namespace: debian.namespace, name: debian.name }, { entry })
  assert.equal((await bob.profiles.get(debian)).reads, first)
  assert.is(await codeOf(bob.profiles.drop(debian)), 'E_NOT_AUTHORISED')
  await alice.profiles.drop(debian)
  assert.is(await codeOf(alice.profiles.get(debian)), 'E_NOT_FOUND')
  assert.is(await codeOf(alice.profiles.drop(debian)), 'E_NOT_FOUND')
  assert.is((await join(two)).profile, undefined)
  await record(two, { reads: second })
  assert.equal((await alice.profiles.get(debian)).reads, second)
})

test('only enrolled nodes record, each for itself', async ({ one, two, alice }) => {
  const asAlice = { ...one, client: alice }
  assert.is(await codeOf(record(asAlice)), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(find(asAlice)), 'E_NOT_AUTHORISED')
  assert.is(await codeOf(record({ ...one, peer: two.peer })), 'E_CONFLICT')
  assert.is(await codeOf(find({ ...one, peer: two.peer })), 'E_CONFLICT')
  assert.is(await codeOf(record(one, { reference: 'alice/none' })), 'E_NOT_FOUND')
  assert.is(await codeOf(alice.profiles.get(debian)), 'E_NOT_FOUND')
})

test('what is no recording of this image is refused', async ({ one, alice }) => {
  const many = Array.from({ length: BOOT_READS_MAX + 1 }, (): BootRead => [0, 4096, 0])
  const wrong: Partial<PutRecordingBody>[] = [
    { reads: [] },
    { reads: many },
    { reads: [[0, 4096, 11]] },
    { reads: [[0, 100, 0]] },
    { reads: [[0, Math.ceil(size / 4096 + 1) * 4096, 0]] },
    { reads: [[0, 4096, 0, 1]] as unknown as BootRead[] },
    { reads: [[0, 4096]] as unknown as BootRead[] },
    { reads: [['0', 4096, 0]] as unknown as BootRead[] },
    { reads: [[1e30, 4096, 0]] },
    { reads: [...first, ...first] },
    { durationMs: 120_001 },
    { manifest: testImage({ seed: 'other', blocks: 2 }).manifestId },
    { more: 1 } as object,
  ]
  for (const other of wrong)
    assert.is(await codeOf(record(one, other)), 'E_INVALID', JSON.stringify(other).slice(0, 80))
  const large = { delegation: 'x'.repeat(BOOT_RECORDING_BODY_BYTES_MAX) }
  assert.is(await codeOf(record(one, large)), 'E_LIMIT')
  assert.is(await codeOf(alice.profiles.get(debian)), 'E_NOT_FOUND')
})

test('a recording is taken as JSON alone, and from nodes alone before their body is read', async (context) => {
  const { one, site, tracker, bobs } = context
  const path = TRACKER_PATHS.bootRecordings
  const xml = { headers: { 'content-type': 'application/xml' }, body: '<recording/>' }
  for (const [identity, code] of [
    [one.identity, 'E_INVALID'],
    [bobs, 'E_NOT_AUTHORISED'],
  ] as const) {
    const caller = new HttpsCaller({ url: tracker.url, site, identity })
    try {
      assert.is((await caller.call({ method: 'POST', path, ...xml })).problem?.code, code)
    } finally {
      caller.close()
    }
  }
})

test('a recording of every other page is taken', async ({ site, tracker, alice }) => {
  const node = await site.node(tracker.url, 'node-long')
  const reads = Array.from({ length: Math.floor(size / 8192) }, (_, at): BootRead => [at * 8192, 4096, at])
  await record(node, { reads, durationMs: 120_000 })
  assert.equal((await alice.profiles.get(debian)).reads, reads)
})

test('a node that gives one after the other is told to wait, before its bodies are read', async (context) => {
  const { site, tracker, two } = context
  const node = await site.node(tracker.url, 'node-busy')
  for (let i = 0; i < BOOT_RECORDINGS_BURST; i++) await record(node)
  const refused = await failureOf(record(node))
  assert.is(refused.code, 'E_BUSY')
  assert.ok(Number(refused.data?.['retryAfterSeconds']) > 0)
  assert.equal((await find(node)).recordings, 1)
  await record(two)
})

test('recordings and drops are in the audit log, questions are not', async ({
  one,
  alice,
  site,
  tracker,
}) => {
  await record(one)
  await find(one)
  await alice.profiles.drop(debian)
  const commonName = ADMIN_DN.split('CN=')[1] ?? ''
  const admin = await site.site.issue({ kind: 'user', commonName })
  const caller = new HttpsCaller({ url: tracker.url, site, identity: admin })
  try {
    const lines = async (action: string) =>
      JSON.parse(
        (
          await caller.call({ method: 'GET', path: `${TRACKER_PATHS.audit}?action=${action}` })
        ).body.toString(),
      ).lines as { asker: string; result: string; target?: Record<string, string> }[]
    const [line] = await lines('bootRecordings.post')
    assert.equal([line?.asker, line?.result, line?.target?.['reference']], ['node-1', 'done', 'alice/debian'])
    const [dropped] = await lines('profile.delete')
    assert.equal([dropped?.asker, dropped?.target?.['name']], ['alice', 'debian'])
    const asked = await lines('swarmProfile.post')
    assert.not(asked.some(({ result }) => result === 'done'))
  } finally {
    caller.close()
  }
})

test('an image that a user has delegated is recorded and found with the delegation alone', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start({ more: 'namespaces: { nodesRead: false }\n' })
  try {
    const node = await site.node(tracker.url, 'node-1')
    const identity = await site.user('alice')
    const alice = site.client(tracker.url, identity)
    await pushImage(alice, image, { to: 'alice/debian' })
    assert.is(await codeOf(record(node)), 'E_NOT_AUTHORISED')
    assert.is(await codeOf(find(node)), 'E_NOT_AUTHORISED')
    const iat = Math.floor(Date.now() / 1000)
    const claims = { node: node.identity.principal.dn, namespace: 'alice', name: 'debian', aud: TRACKER_NAME }
    const delegation = await signJws(identity, { ...claims, iat, exp: iat + 600 }, { typ: DELEGATION_TYPE })
    await record(node, { delegation })
    const asked = { reference: 'alice/debian', peer: node.peer, delegation }
    assert.equal((await node.client.profiles.find(asked)).reads, first)
    assert.is(await codeOf(find(node)), 'E_NOT_AUTHORISED')
  } finally {
    await tracker.stop()
    await site.remove()
  }
})

test('profiles outlive the tracker that made them', async () => {
  const site = await TrackerSite.create()
  const before = await site.start()
  try {
    const node = await site.node(before.url, 'node-1')
    const alice = await site.user('alice')
    await pushImage(site.client(before.url, alice), image, { to: 'alice/debian' })
    await record(node)
    await before.stop()
    const after = await site.start()
    try {
      assert.equal((await site.client(after.url, alice).profiles.get(debian)).reads, first)
    } finally {
      await after.stop()
    }
  } finally {
    await site.remove()
  }
})

test.run()
