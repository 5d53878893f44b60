import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../../tracker/tracker.ts'
import { importBytes } from '../../fixtures/import-image.ts'
import { noise } from '../../fixtures/noise.ts'
import { eventually, RawClient } from '../../fixtures/raw-client.ts'
import { TrackerSite } from '../../fixtures/tracker.ts'

const MiB = 1 << 20
const test = suite<{ site: TrackerSite; tracker: Tracker; alice: RawClient; bob: RawClient }>(
  'raw uploads that go on',
)
const bytes = Buffer.concat([noise('a', 3 * MiB), Buffer.alloc(2 * MiB), noise('b', 2 * MiB + 333)])
const size = bytes.length
const part = (start: number, end: number, total: number | '*' = size) =>
  [bytes.subarray(start, end), { 'content-range': `bytes ${start}-${end - 1}/${total}` }] as const
const sha256 = (of: Uint8Array) => createHash('sha256').update(of).digest('base64')

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  const { url } = context.tracker
  context.alice = new RawClient({ url, site: context.site, identity: await context.site.user('alice') })
  context.bob = new RawClient({ url, site: context.site, identity: await context.site.user('bob') })
})
test.after(async ({ site, tracker, alice, bob }) => {
  for (const client of [alice, bob]) client?.close()
  await tracker?.stop()
  await site?.remove()
})

test('an image that comes in parts is that which comes at once', async ({ alice }) => {
  await alice.slot('parts')
  assert.equal(await alice.ask('parts'), [308, undefined])
  const cuts = [0, 1, 70_000, 3 * MiB, 4 * MiB + 5, size]
  for (const [i, start] of cuts.slice(0, -2).entries()) {
    const end = cuts[i + 1] ?? 0
    const { status, headers, body } = await alice.put('parts', ...part(start, end, i % 2 === 0 ? size : '*'))
    assert.equal([status, headers['range'], body.length], [308, `bytes=0-${end - 1}`, 0])
    assert.equal(await alice.ask('parts', size), [308, `bytes=0-${end - 1}`])
    const { state, version } = await alice.object('alice/parts')
    assert.equal([state, version], ['locked', 0])
  }
  const last = await alice.put('parts', ...part(4 * MiB + 5, size))
  assert.is(last.status, 200)
  assert.is(last.headers['etag'], `"${(await importBytes(bytes)).manifestId}"`)
  assert.ok((await alice.get('parts')).body.equals(bytes))
  assert.equal(await alice.ask('parts'), [308, undefined])
})

test('what came before the connection broke is kept, to the byte that the tracker says', async ({
  alice,
}) => {
  await alice.slot('broken')
  await alice.cutOff('broken', bytes.subarray(0, 2 * MiB + 17), { announced: size })
  await eventually(async () => (await alice.ask('broken'))[1] !== undefined)
  await eventually(async () => (await alice.object('alice/broken')).state === 'locked')
  const [status, range] = await alice.ask('broken', size)
  assert.is(status, 308)
  const kept = Number(/^bytes=0-(\d+)$/.exec(range ?? '')?.[1]) + 1
  assert.ok(kept > 0 && kept <= 2 * MiB + 17, range)
  // Until the broken request has ended there is another under way.
  await eventually(async () => (await alice.put('broken', ...part(kept, size))).status === 200)
  assert.ok((await alice.get('broken')).body.equals(bytes))
})

test('a part that does not begin where the last ended is refused unread, and told where', async ({
  alice,
}) => {
  await alice.slot('gaps')
  await alice.put('gaps', ...part(0, MiB))
  for (const start of [1, MiB - 1, MiB + 1]) {
    const [body, headers] = part(start, size)
    const { asked, status, problem } = await alice.putWhenAsked('gaps', body, headers)
    assert.equal([asked, status, problem?.code, problem?.data['keptBytes']], [false, 409, 'E_CONFLICT', MiB])
  }
  const { headers } = await alice.put('gaps', ...part(1, 2 * MiB))
  assert.is(headers['range'], `bytes=0-${MiB - 1}`)
  assert.is((await alice.put('gaps', ...part(MiB, size))).status, 200)
})

test('the first byte begins anew, and so does an image of another size', async ({ alice }) => {
  await alice.slot('anew')
  await alice.put('anew', ...part(0, 2 * MiB))
  assert.equal(await alice.ask('anew', size + 1), [308, undefined])
  await alice.put('anew', ...part(0, MiB))
  assert.equal(await alice.ask('anew', size), [308, `bytes=0-${MiB - 1}`])
  assert.is((await alice.put('anew', bytes)).status, 200)
  assert.equal(await alice.ask('anew', size), [308, undefined])
})

test('a wrong part is not kept, a wrong whole is not made', async ({ alice }) => {
  await alice.slot('sums')
  const [first, headers] = part(0, MiB)
  const wrong = { ...headers, 'content-digest': `sha-256=:${sha256(bytes)}:` }
  assert.is((await alice.put('sums', first, wrong)).status, 422)
  assert.equal(await alice.ask('sums'), [308, undefined])
  const right = { ...headers, 'content-digest': `sha-256=:${sha256(first)}:` }
  assert.is((await alice.put('sums', first, right)).status, 308)
  const [rest, range] = part(MiB, size)
  const other = { ...range, 'repr-digest': `sha-256=:${sha256(rest)}:` }
  assert.is((await alice.put('sums', rest, other)).status, 422)
  assert.is((await alice.object('alice/sums')).version, 0)
  await alice.put('sums', first, headers)
  const whole = { ...range, 'repr-digest': `sha-256=:${sha256(bytes)}:` }
  assert.is((await alice.put('sums', rest, whole)).status, 200)
})

test('what somebody began nobody else goes on with', async ({ alice, bob }) => {
  await alice.slot('shared')
  const acl = JSON.stringify({ entries: [{ kind: 'user', subject: 'bob', right: 'write' }] })
  await bob.object('bob/none')
  const given = await alice.caller.call({ method: 'PUT', path: '/api/images/alice/shared/acl', body: acl })
  assert.is(given.status, 200, given.body.toString())
  await alice.put('shared', ...part(0, MiB))
  assert.equal(await bob.ask('alice/shared'), [308, undefined])
  const [rest, headers] = part(MiB, size)
  assert.is((await bob.put('alice/shared', rest, headers)).status, 409)
  assert.is((await bob.put('alice/shared', bytes)).status, 200)
  assert.equal(await alice.ask('shared', size), [308, `bytes=0-${MiB - 1}`])
  assert.is((await alice.put('shared', rest, headers)).status, 200)
  assert.is((await alice.object('alice/shared')).version, 2)
})

test('a tracker that stops keeps what came, and goes on when it is back', async (context) => {
  const { site, alice } = context
  await alice.slot('stopped')
  const sent = alice.begin('stopped', size)
  sent.send(bytes.subarray(0, 3 * MiB))
  await eventually(async () => (await alice.object('alice/stopped')).state === 'uploading')
  await context.tracker.stop()
  await sent.status.catch(() => {})
  context.tracker = await site.start()
  const identity = await site.user('alice')
  const again = new RawClient({ url: context.tracker.url, site, identity })
  const [, range] = await again.ask('stopped', size)
  const kept = Number(/^bytes=0-(\d+)$/.exec(range ?? '')?.[1]) + 1
  assert.ok(kept > 0 && kept <= 3 * MiB, range)
  assert.is((await again.object('alice/stopped')).state, 'locked')
  assert.is((await again.put('stopped', ...part(kept, size))).status, 200)
  assert.ok((await again.get('stopped')).body.equals(bytes))
  again.close()
})

test.run()
