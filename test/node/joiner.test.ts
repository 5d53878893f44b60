import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CatalogEntry } from '../../node/image-catalog.ts'
import { Joiner, type JoinerComponents } from '../../node/joiner.ts'
import { type Joined, TrackerLink } from '../../node/tracker-link.ts'
import { TrackerClient } from '../../src/api/tracker-client.ts'
import { DISK_JOIN_DOUBTED_MS, DISK_JOIN_PATIENCE_MS } from '../../src/core/disk-limits.ts'
import { TimeoutError, UnreachableError } from '../../src/core/errors.ts'
import { GRANT_TYPE } from '../../src/core/grant.ts'
import { RECORD_TYPE } from '../../src/core/record.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { signJws } from '../../src/identity/jws.ts'
import { catalogEntry } from '../fixtures/attachable-disks.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { recordingLog } from '../fixtures/recording-log.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('joiner')
const site = await Site.create()
const [tracker, node] = await Promise.all([
  site.issue({ kind: 'tracker', commonName: 'tracker', dnsNames: ['tracker'] }),
  site.issue({ kind: 'node', commonName: 'node' }),
])
const PEER = 'peer' as PeerKey
const REFERENCE = parseReference('site/debian:12')
const GRANT_S = 600

/** What the tracker has said of an image some time ago. */
async function known(init: { complete: boolean; version?: number }): Promise<CatalogEntry> {
  const { complete, version = 3 } = init
  const entry = { ...catalogEntry({ tag: '12', version }), complete }
  const { namespace, name, manifest, size } = entry
  const iat = Math.floor(Date.now() / 1000) - 10
  const placed = { image: '1', serial: 1, previous: null, repaired: false, iat }
  const facts = { namespace, name, version, manifest, size, sha256: null, publisher: '/CN=alice' }
  const none = { signature: null, formerly: null }
  const grant = { sub: '/CN=node', node: 'node', peer: PEER, manifest, iat, exp: iat + GRANT_S }
  return {
    ...entry,
    record: await signJws(tracker, { ...placed, ...facts, ...none, event: 'commit' }, { typ: RECORD_TYPE }),
    grant: await signJws(tracker, grant, { typ: GRANT_TYPE }),
  }
}

/** A node whose questions to the tracker are answered by the test. */
function joinerOf(entry: CatalogEntry | undefined, { graceSeconds = 3600 } = {}) {
  const clock = new FakeClock(Date.now())
  const { log, lines } = recordingLog()
  const asked: PromiseWithResolvers<never>[] = []
  const events = new EventEmitter()
  const renewed: string[] = []
  const pending = (): Promise<never> => {
    const answer = Promise.withResolvers<never>()
    asked.push(answer)
    return answer.promise
  }
  const no = async (): Promise<never> => Promise.reject(new RangeError('not asked for'))
  const link = new TrackerLink(
    {
      ...{ clock, trust: site.trust },
      client: { join: pending, announce: no, leave: no, reach: no, related: no },
    },
    {
      ...{ name: 'tracker', self: PEER, graceSeconds, addresses: () => [], met: () => {} },
      enrolled: async () => {},
      renewed: (_manifest, grant) => {
        renewed.push(grant)
        events.emit('renewed')
      },
    },
  )
  const joiner = new Joiner({ catalog: { find: () => entry }, link, clock, log })
  /** The tracker says this of the oldest question. */
  const answer = ({ manifest, record, grant }: CatalogEntry) =>
    asked.shift()?.resolve({ manifest, record, grant, peers: [] } as never)
  return { clock, link, log, joiner, lines, asked, events, renewed, answer }
}

/** Whether a promise has been decided by now. */
async function isDecided(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open')
  const turn = new Promise((resolve) => setImmediate(resolve, open))
  return (await Promise.race([promise.catch(() => {}), turn])) !== open
}

test('a tracker that takes its time is waited for, and what it says counts', async () => {
  const { clock, joiner, answer, renewed } = joinerOf(await known({ complete: true }))
  const joining = joiner.join(REFERENCE, { isUrgent: true })
  await clock.advance(DISK_JOIN_PATIENCE_MS - 1)
  answer(await known({ complete: false, version: 4 }))
  const { entry, away } = await joining
  assert.equal([entry.version, away], [4, false])
  assert.equal([clock.pending, renewed], [0, []])
})

for (const complete of [true, false])
  test(`machines do not wait for a silent tracker with an image that is ${complete ? 'here' : 'known'}`, async () => {
    const entry = await known({ complete })
    const { clock, link, joiner, lines, events, renewed, answer, asked } = joinerOf(entry)
    const first = joiner.join(REFERENCE, { isUrgent: true })
    await clock.advance(DISK_JOIN_PATIENCE_MS - 1)
    assert.not(await isDecided(first))
    await clock.advance(1)
    const { joined, away } = await first
    assert.equal([joined.record.version, joined.grant, away], [3, entry.grant, true])
    assert.is(link.graceS, 0)

    const second = joiner.join(REFERENCE, { isUrgent: true })
    await clock.advance(DISK_JOIN_DOUBTED_MS)
    assert.ok((await second).away)

    assert.equal([asked.length, renewed], [2, []])
    const next = { ...entry, grant: 'another' }
    answer(next)
    await once(events, 'renewed')
    assert.equal(renewed, ['another'])
    assert.ok(link.answers)
    answer(await known({ complete: false, version: 4 }))
    await once(events, 'renewed')
    assert.equal(lines.at(-1)?.data, { image: 'site/debian:12', attached: 3, now: 4 })
  })

test('what a user has lent is kept, whether the tracker is silent or away', async () => {
  const entry = await known({ complete: false })
  const { clock, joiner, asked } = joinerOf(entry)
  for (const { delegation, isUrgent } of [
    { delegation: 'lent', isUrgent: true },
    { delegation: 'lent', isUrgent: false },
    { delegation: undefined, isUrgent: true },
  ]) {
    const joining = joiner.join(REFERENCE, { delegation, isUrgent })
    await clock.advance(isUrgent ? DISK_JOIN_PATIENCE_MS : 0)
    if (!isUrgent) asked.at(-1)?.reject(new UnreachableError('away'))
    const answer = await joining
    assert.equal([answer.away, answer.entry.delegation], [true, delegation])
  }
})

test('an answer that comes while what was said before is checked counts', async () => {
  const [before, now] = await Promise.all([known({ complete: true }), known({ complete: true, version: 4 })])
  const { clock, link, log } = joinerOf(before)
  const checking = Promise.withResolvers<void>()
  const check = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<Joined>()
  const calls: string[] = []
  const slow: JoinerComponents['link'] = {
    ...{ answers: true, graceS: 0, self: () => link.self(), grant: (token) => link.grant(token) },
    join: () => answer.promise,
    late: () => void calls.push('late'),
    renewed: () => void calls.push('renewed'),
    record: async (token) => {
      checking.resolve()
      await check.promise
      return await link.record(token)
    },
  }
  const joiner = new Joiner({ catalog: { find: () => before }, link: slow, clock, log })
  const joining = joiner.join(REFERENCE, { isUrgent: true })
  await clock.advance(DISK_JOIN_PATIENCE_MS)
  await checking.promise
  assert.equal(calls, ['late'], 'said before the answer can come')
  const record = await link.record(now.record)
  const { grant } = now
  answer.resolve({ manifest: record.manifest, record, recordToken: now.record, grant, peers: [] })
  check.resolve()
  const { entry, away } = await joining
  assert.equal([entry.version, away, calls], [4, false, ['late']])
})

test('where nothing that still holds is known, the tracker is waited for', async () => {
  const nothing = joinerOf(undefined)
  const ended = joinerOf(await known({ complete: false }), { graceSeconds: 0 })
  const patient = joinerOf(await known({ complete: true }))
  await ended.clock.advance(GRANT_S * 1000)
  for (const [{ clock, joiner, asked, lines }, isUrgent] of [
    [nothing, true],
    [ended, true],
    [patient, false],
  ] as const) {
    const joining = joiner.join(REFERENCE, { isUrgent })
    await clock.advance(60_000)
    assert.not(await isDecided(joining))
    asked.shift()?.reject(new TimeoutError('late'))
    if (asked === nothing.asked) {
      assert.is((await failureOf(joining)).code, 'E_TIMEOUT')
      continue
    }
    assert.ok((await joining).away)
    assert.equal(
      lines.map(({ message }) => message),
      ['tracker is away: going on with what it said before'],
    )
  }
})

test('what fails while nobody waits for it is said in the log', async () => {
  const { clock, joiner, asked, lines } = joinerOf(await known({ complete: true }))
  const joining = joiner.join(REFERENCE, { isUrgent: true })
  await clock.advance(DISK_JOIN_PATIENCE_MS)
  await joining
  asked[0]?.reject(new TimeoutError('it took too long'))
  await clock.advance(0)
  assert.equal(lines.at(-1)?.data, { image: 'site/debian:12', err: 'it took too long' })
})

test('a server that accepts and says nothing is such a tracker', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { certificatePem, keyPem } = node
  const url = `https://127.0.0.1:${port}`
  const client = new TrackerClient({ url, name: 'tracker', certificatePem, keyPem, caPem: site.trust.pem })
  const clock = new FakeClock(Date.now())
  const { log } = recordingLog()
  const init = { name: 'tracker', self: PEER, graceSeconds: 0, addresses: () => [], met: () => {} }
  const link = new TrackerLink(
    { client, clock, trust: site.trust },
    { ...init, enrolled: async () => {}, renewed: () => {} },
  )
  const entry = await known({ complete: false })
  const joiner = new Joiner({ catalog: { find: () => entry }, link, clock, log })
  const connected = once(server, 'connection')
  const joining = joiner.join(REFERENCE, { isUrgent: true })
  const [socket] = await connected
  await clock.advance(DISK_JOIN_PATIENCE_MS)
  const { joined }: { joined: Joined } = await joining
  assert.is(joined.manifest, entry.manifest)
  socket.destroy()
  server.close()
  await client.close()
})

test.run()
