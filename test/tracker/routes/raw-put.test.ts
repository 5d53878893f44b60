import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../../tracker/tracker.ts'
import { noise } from '../../fixtures/noise.ts'
import { eventually, RawClient } from '../../fixtures/raw-client.ts'
import { TrackerSite } from '../../fixtures/tracker.ts'

const MiB = 1 << 20
const test = suite<{
  site: TrackerSite
  tracker: Tracker
  alice: RawClient
  bob: RawClient
  nobody: RawClient
}>('PUT of raw images')
/** Two megabytes with a hole. */
const bytes = Buffer.concat([noise('head', MiB), Buffer.alloc(MiB / 2), noise('tail', MiB / 2 + 77)])
const base64 = (algorithm: string, of: Uint8Array = bytes) =>
  createHash(algorithm).update(of).digest('base64')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start({ more: 'quotas: { bytes: 20M }' })
  const { url } = context.tracker
  const client = async (name?: string) => {
    const identity = name === undefined ? undefined : await context.site.user(name)
    return new RawClient({ url, site: context.site, identity })
  }
  context.alice = await client('alice')
  context.bob = await client('bob')
  context.nobody = await client()
})
test.after(async ({ site, tracker, alice, bob, nobody }) => {
  for (const client of [alice, bob, nobody]) client?.close()
  await tracker?.stop()
  await site?.remove()
})

/** Blocks that uploads brought so far. */
async function storedBlocks({ caller }: RawClient): Promise<number> {
  const text = (await caller.call({ method: 'GET', path: '/metrics' })).body.toString()
  return Number(/^bootswarm_tracker_blocks_stored_total (\d+)/m.exec(text)?.[1])
}

test('each PUT is a new version, and latest is the newest', async ({ alice }) => {
  await alice.slot('twice')
  const first = await alice.put('alice/twice', bytes)
  assert.equal([first.status, first.body.length, first.headers['content-length']], [200, 0, '0'])
  const other = noise('other', 100_000)
  assert.is((await alice.put('twice', other, { 'content-type': 'image/x-made-up' })).status, 200)
  assert.ok((await alice.get('alice/twice')).body.equals(other))
  assert.ok((await alice.get('alice/twice?version=1')).body.equals(bytes))
  const { state, version, size } = await alice.object('alice/twice')
  assert.equal([state, version, size], ['available', 2, other.length])
})

test('what is packed stays packed', async ({ alice }) => {
  await alice.slot('disk.img.gz')
  const packed = gzipSync(bytes)
  assert.is((await alice.put('disk.img.gz', packed)).status, 200)
  assert.ok((await alice.get('disk.img.gz')).body.equals(packed))
})

test('a body without a length is taken as well', async ({ alice }) => {
  await alice.slot('chunked')
  const sent = alice.begin('chunked')
  sent.send(bytes)
  sent.end()
  assert.is(await sent.status, 200)
  assert.ok((await alice.get('chunked')).body.equals(bytes))
})

test('who may not write is refused before a byte is read', async ({ alice, bob, nobody }) => {
  await alice.slot('closed')
  const before = await storedBlocks(alice)
  const refusals = [
    [await nobody.putWhenAsked('alice/closed', bytes), 403],
    [await nobody.putWhenAsked('alice/missing', bytes), 403],
    [await bob.putWhenAsked('alice/closed', bytes), 403],
    [await alice.putWhenAsked('alice/missing', bytes), 404],
    [await alice.putWhenAsked('alice/closed', bytes, { 'content-encoding': 'gzip' }), 400],
    [await alice.putWhenAsked('alice/closed', bytes, { 'content-range': 'bytes 5-1/7' }), 400],
    [await alice.putWhenAsked('alice/closed', bytes, { 'content-md5': 'short' }), 400],
  ] as const
  for (const [{ asked, status, problem }, expected] of refusals) {
    assert.equal([asked, status], [false, expected], problem?.detail)
    assert.ok((problem?.detail ?? '').length > 10)
  }
  assert.is(await storedBlocks(alice), before)
  assert.is((await alice.object('alice/closed')).state, 'locked')
  assert.equal((await alice.putWhenAsked('closed', bytes)).asked, true)
})

test('a client that sends at once hears the refusal, and its connection serves on', async ({ bob }) => {
  for (let i = 0; i < 3; i++) {
    const { status, problem } = await bob.put('alice/closed', noise('refused', 3 * MiB))
    assert.equal([status, problem?.code], [403, 'E_NOT_AUTHORISED'])
  }
})

test('what is read only takes no bytes', async ({ alice }) => {
  await alice.slot('fixed')
  await alice.put('fixed', bytes)
  const change = { method: 'POST', path: '/api/images/alice/fixed', body: '{"read_only":true}' }
  assert.is((await alice.caller.call(change)).status, 200)
  const { asked, status, problem } = await alice.putWhenAsked('fixed', bytes)
  assert.equal([asked, status, problem?.code], [false, 409, 'E_STATE'])
  assert.match(problem?.detail ?? '', /read_only/)
  assert.is((await alice.object('alice/fixed')).version, 1)
})

test('bytes that are not what the client says change nothing', async ({ alice }) => {
  await alice.slot('checked')
  const wrong = base64('sha256', Buffer.from('other'))
  for (const headers of [
    { 'content-md5': base64('md5', Buffer.from('other')) },
    { 'content-digest': `sha-256=:${wrong}:` },
    { 'repr-digest': `sha-512=:${base64('sha512', Buffer.from('x'))}:` },
    { digest: `sha-256=${wrong}` },
  ]) {
    const { status, problem } = await alice.put('checked', bytes, headers)
    assert.equal([status, problem?.code], [422, 'E_INTEGRITY'], JSON.stringify(headers))
    const { state, version } = await alice.object('alice/checked')
    assert.equal([state, version], ['locked', 0])
  }
  const right = {
    'content-md5': base64('md5'),
    'content-digest': `sha-512=:${base64('sha512')}:`,
    'repr-digest': `sha-256=:${base64('sha256')}:, unknown=:AAAA:`,
    digest: `MD5=${base64('md5')},SHA-256=${base64('sha256')}`,
  }
  assert.is((await alice.put('checked', bytes, right)).status, 200)
})

test('an upload that is cut off changes nothing, and the slot is what it was', async ({ alice }) => {
  await alice.slot('cut')
  const isKept = async () => (await alice.ask('cut'))[1] !== undefined
  const is = (state: string) => async () => (await alice.object('alice/cut')).state === state
  await alice.cutOff('cut', bytes.subarray(0, MiB), { announced: bytes.length })
  await eventually(isKept)
  await eventually(is('locked'))
  assert.is((await alice.get('alice/cut')).status, 404)
  await eventually(async () => (await alice.put('cut', bytes)).status === 200)
  await alice.cutOff('cut', noise('new', MiB), { announced: 5 * MiB })
  await eventually(isKept)
  await eventually(is('available'))
  assert.ok((await alice.get('alice/cut')).body.equals(bytes))
  assert.is((await alice.object('alice/cut')).version, 1)
})

test('a second upload into an image waits for none: it is told that one is under way', async ({ alice }) => {
  await alice.slot('busy')
  const first = alice.begin('busy', bytes.length)
  first.send(bytes.subarray(0, 1000))
  await eventually(async () => (await alice.object('alice/busy')).state === 'uploading')
  const { asked, status, problem } = await alice.putWhenAsked('busy', bytes)
  assert.equal([asked, status, problem?.code], [false, 409, 'E_CONFLICT'])
  first.send(bytes.subarray(1000))
  assert.is(await first.status, 200)
  assert.is((await alice.put('busy', bytes)).status, 200)
  assert.is((await alice.object('alice/busy')).version, 2)
})

test('nothing is no image, and too much is refused unread', async ({ alice }) => {
  await alice.slot('empty')
  const empty = await alice.put('empty', new Uint8Array())
  assert.equal([empty.status, empty.problem?.code], [400, 'E_INVALID'])
  const chunked = alice.begin('empty')
  chunked.end()
  assert.is(await chunked.status, 400)
  const vast = await alice.putWhenAsked('empty', new Uint8Array(), { 'content-length': `${2 ** 50}` })
  assert.equal([vast.asked, vast.status, vast.problem?.code], [false, 413, 'E_LIMIT'])
  assert.is((await alice.object('alice/empty')).state, 'locked')
})

test('an upload past the quota is broken off in its middle, and nothing is kept of it', async ({ bob }) => {
  await bob.slot('large')
  const { status, problem } = await bob.put('large', noise('large', 60 * MiB))
  assert.equal([status, problem?.code], [413, 'E_QUOTA'])
  const { state, version } = await bob.object('bob/large')
  assert.equal([state, version], ['locked', 0])
  assert.equal(await bob.ask('large'), [308, undefined])
  // Holes count for nothing.
  const sparse = Buffer.concat([noise('small', MiB), Buffer.alloc(40 * MiB)])
  assert.is((await bob.put('large', sparse)).status, 200)
  assert.is((await bob.put('large', noise('fill', 18 * MiB))).status, 200)
  assert.is((await bob.put('large', noise('over', 2 * MiB))).status, 413)
  assert.is((await bob.object('bob/large')).version, 2)
})

test.run()
