// deadline: 240 s
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNodeConfig } from '../../node/config.ts'
import { startNode } from '../../node/node.ts'
import { NodeClient } from '../../src/api/node-client.ts'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import { TRACKER_PATHS } from '../../src/api/tracker-paths.ts'
import { silentLog } from '../../src/core/log.ts'
import { parseReference, type Tag } from '../../src/core/reference.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { failureOf } from '../fixtures/failure.ts'
import { Forwarder } from '../fixtures/forwarder.ts'
import { until } from '../fixtures/hosts.ts'
import { HttpsCaller } from '../fixtures/https-caller.ts'
import { imageKey } from '../fixtures/image-key.ts'
import { noPostgres, PostgresServer } from '../fixtures/postgres.ts'
import { testsThatNeed } from '../fixtures/programs.ts'
import { testImage } from '../fixtures/test-image.ts'
import { ADMIN_DN, collect, pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'
import { TrackerProcess } from '../fixtures/tracker-process.ts'

/** A tracker of the site: its folder, its process, and a user's and an admin's client of it. */
interface Place {
  readonly site: TrackerSite
  readonly process: TrackerProcess
  readonly alice: TrackerClient
  readonly admin: TrackerClient
  readonly caller: HttpsCaller
}

const missing = noPostgres()
const test = suite('two trackers on one database')
const on = testsThatNeed(test, missing)

const image = testImage({ seed: 'at A', blocks: 300, zeros: true })
const raw = '/api/images/raw/alice/debian'
let server: PostgresServer
let catalog: string
let people: { alice: Identity; admin: Identity }
let a: Place
let b: Place
/** Where each of them alone is reached, in front of their ports. */
let own: Forwarder[] = []

async function connect(site: TrackerSite, process: TrackerProcess): Promise<Place> {
  const { alice, admin } = people
  const caller = new HttpsCaller({ url: process.url, site, identity: alice })
  return {
    site,
    process,
    caller,
    alice: site.client(process.url, alice),
    admin: site.client(process.url, admin),
  }
}

async function restart(place: Place, more = catalog): Promise<Place> {
  place.caller.close()
  return await connect(place.site, await TrackerProcess.start(place.site, more))
}

if (missing === undefined) {
  test.before(async () => {
    server = await PostgresServer.start()
    catalog = `catalog: { postgres: "${await server.database()}" }`
    const first = await TrackerSite.create()
    const second = await TrackerSite.create({ site: first.site })
    people = {
      alice: await first.user('alice'),
      admin: await first.site.issue({ kind: 'user', commonName: ADMIN_DN.split('CN=')[1] ?? '' }),
    }
    // Both at once: one of them makes the tables.
    const processes = await Promise.all([first, second].map((site) => TrackerProcess.start(site, catalog)))
    a = await connect(first, processes[0] as TrackerProcess)
    b = await connect(second, processes[1] as TrackerProcess)
  })
  test.after(async () => {
    for (const { caller, process, site } of [a, b]) {
      caller.close()
      assert.is(await process.end('SIGTERM'), 0)
      await site.remove()
    }
    for (const forwarder of own) await forwarder.close()
    await server.remove()
  })
}

on('users and images that are made at one are seen at the other', async () => {
  await pushImage(a.alice, image, { to: 'alice/debian' })
  const [one, other] = await Promise.all([a, b].map(({ alice }) => alice.getImage(...names('alice/debian'))))
  assert.is(other?.versions.length, 1)
  // Addresses in the answers are of the tracker that was asked.
  assert.equal([other?.versions, other?.tags], [one?.versions, one?.tags])
  assert.equal((await b.alice.whoami()).namespaces, ['alice'])
  assert.ok(await b.alice.record(parseReference('alice/debian')))
})

on('a name that is made at both at once is made once', async () => {
  for (let i = 0; i < 5; i++) {
    const made = await Promise.allSettled(
      [a, b].map(({ alice }) => alice.createImage(imageKey(`alice/twice${i}`))),
    )
    const failed = made.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
    assert.equal(failed, ['E_CONFLICT'])
  }
})

on('commits of one image at both at once are two versions', async () => {
  const pushes = [a, b].map(async ({ alice }, i) => {
    const content = testImage({ seed: `both ${i}`, blocks: 20 })
    const upload = await alice.openUpload(...names('alice/both'))
    await upload.put([...content.blocks, ...content.nodes])
    return async () => await upload.commit(content.manifestId, { tags: ['latest' as Tag] })
  })
  const commits = await Promise.all(pushes)
  const versions = await Promise.all(commits.map((commit) => commit()))
  assert.equal(versions.map(({ version }) => version).sort(), [1, 2])
  const view = await a.alice.getImage(...names('alice/both'))
  assert.equal(Object.values(view.tags), [2])
})

on('the bytes come through the other, whole and in parts', async () => {
  assert.ok((await collect(await b.alice.raw(parseReference('alice/debian')))).equals(image.bytes))
  const part = await collect(await b.alice.raw(parseReference('alice/debian'), { start: 5000, end: 70_001 }))
  assert.ok(part.equals(image.bytes.subarray(5000, 70_001)))
  const etag = `"${image.manifestId}"`
  const call = (headers: Record<string, string>, method = 'GET') =>
    b.caller.call({ method, path: raw, headers })
  const range = await call({ range: 'bytes=-10' })
  assert.is(range.status, 206)
  assert.is(
    range.headers['content-range'],
    `bytes ${image.bytes.length - 10}-${image.bytes.length - 1}/${image.bytes.length}`,
  )
  assert.ok(range.body.equals(image.bytes.subarray(-10)))
  assert.is((await call({ 'if-none-match': etag })).status, 304)
  const head = await call({}, 'HEAD')
  assert.equal([head.status, head.headers['content-length']], [200, String(image.bytes.length)])
  const many = await Promise.all(Array.from({ length: 8 }, () => call({})))
  for (const { status, body } of many) assert.ok(status === 200 && body.equals(image.bytes))
})

on('a node pulls through one what the other has', async () => {
  const { site } = b
  const own = await site.site.issue({ kind: 'node', commonName: 'node-1' })
  await writeFile(join(site.dir, 'node.pem'), own.certificatePem)
  await writeFile(join(site.dir, 'node.key'), own.keyPem, { mode: 0o600 })
  const text = `dataDir: node
tracker: { url: "${b.process.url}", name: ${TRACKER_NAME} }
identity: { certificate: node.pem, key: node.key, ca: ca.pem }
p2p: { listen: [/ip4/127.0.0.1/tcp/0] }
control: { socket: node.sock }`
  const config = parseNodeConfig(text, { path: join(site.dir, 'node.yaml') })
  const node = await startNode({ log: silentLog }, config)
  const client = new NodeClient({ socket: node.socket })
  try {
    const result = await client.pull('alice/debian')
    assert.is(result.blocks.fetched, result.blocks.total)
    assert.is(result.blocks.fetched, image.blocks.length)
  } finally {
    await client.close()
    await node.stop()
  }
})

on('a join hands out those that have the image', async () => {
  const { peer, identity } = await a.site.node(a.process.url, 'node-1')
  const clientOf = ({ site, process }: Place) => site.client(process.url, identity)
  const join = async (place: Place, reference: string) => {
    const answer = await clientOf(place).join({ reference, peer, addresses: [] })
    return answer.peers.filter(({ origin }) => origin === true).map(({ peer }) => peer)
  }
  const [atA, atB] = [await join(a, 'alice/debian'), await join(b, 'alice/debian')]
  assert.is(atA.length, 1)
  assert.equal(atB, atA)
  assert.not.equal(await join(b, 'alice/both@2'), await join(b, 'alice/both@1'))
  const { sent } = await pushImage(b.alice, image, { to: 'alice/debian' })
  assert.ok(sent > image.blocks.length, 'the other tracker has blocks of its own')
  assert.is((await join(a, 'alice/debian')).length, 2)
  await b.alice.removeImage(...names('alice/twice0'))
})

on('an upload goes on where it was opened, and nowhere else', async () => {
  const upload = await a.alice.openUpload(...names('alice/debian'))
  const path = TRACKER_PATHS.need.replace(':upload', upload.id)
  const there = await b.caller.call({ method: 'POST', path, body: Buffer.alloc(32) })
  assert.is(there.status, 409)
  assert.is(there.problem?.data['tracker'], a.process.url)
  assert.is((await a.caller.call({ method: 'POST', path, body: Buffer.alloc(32) })).status, 200)
})

on('a push through a name that both answer goes to one of them', async () => {
  own = await Promise.all([Forwarder.listen(), Forwarder.listen()])
  const name = await Forwarder.listen()
  await Promise.all([a, b].map(({ process }) => process.end('SIGTERM')))
  ;[a, b] = (await Promise.all(
    [a, b].map((place, i) => restart(place, `${catalog}\nownUrl: ${own[i]?.url}`)),
  )) as [Place, Place]
  own.forEach((forwarder, i) => {
    forwarder.to([a, b][i]?.process.url ?? '')
  })
  name.to(a.process.url, b.process.url)
  const client = a.site.client(name.url, people.alice)
  const content = testImage({ seed: 'balanced', blocks: 60 })
  const upload = await client.openUpload(...names('alice/balanced'))
  // Each on a connection of its own.
  await Promise.all(content.blocks.map((frame) => upload.put([frame])))
  await upload.put(content.nodes)
  assert.is((await upload.commit(content.manifestId, { tags: ['latest' as Tag] })).version, 1)
  const seen = await Promise.all(Array.from({ length: 6 }, () => client.getImage(...names('alice/balanced'))))
  for (const view of seen) assert.is(view.versions.length, 1)
  for (let i = 0; i < 4; i++) {
    const bytes = await collect(await client.raw(parseReference('alice/balanced')))
    assert.ok(bytes.equals(content.bytes))
  }
  await name.close()
})

on("a collection frees what is nobody's here, and nothing that the other needs", async () => {
  const only = testImage({ seed: 'only at B', blocks: 30 })
  await pushImage(b.alice, only, { to: 'alice/only' })
  assert.is((await a.admin.gc()).blocksDeleted, 0)
  assert.is((await b.admin.gc()).blocksDeleted, 0)
  await a.alice.removeImage(...names('alice/only'))
  assert.is((await a.admin.gc()).blocksDeleted, 0)
  assert.is((await b.admin.gc()).blocksDeleted, only.blocks.length + only.nodes.length)
  for (const { alice } of [a, b])
    for (const name of ['alice/debian@1', 'alice/both@1', 'alice/both@2'])
      await collect(await alice.raw(parseReference(name)))
})

on('kill -9 of one leaves the other what it has', async () => {
  const [mine, theirs] = [testImage({ seed: 'mine', blocks: 40 }), testImage({ seed: 'theirs', blocks: 40 })]
  await pushImage(b.alice, mine, { to: 'alice/mine' })
  await pushImage(a.alice, theirs, { to: 'alice/theirs' })
  await a.process.end('SIGKILL')
  assert.ok((await collect(await b.alice.raw(parseReference('alice/mine')))).equals(mine.bytes))
  const lost = await b.caller.call({ method: 'GET', path: '/api/images/raw/alice/theirs' })
  assert.is(lost.status, 502)
  assert.ok(lost.problem)
  assert.is((await pushImage(b.alice, theirs, { to: 'alice/theirs' })).version, 2)
  assert.ok((await collect(await b.alice.raw(parseReference('alice/theirs@1')))).equals(theirs.bytes))
  a = await restart(a)
  assert.ok((await collect(await a.alice.raw(parseReference('alice/mine')))).equals(mine.bytes))
})

on('an outage of the database is said, and over when it is over', async () => {
  for (const how of ['fast', 'immediate'] as const) {
    await server.down(how)
    for (const { caller, alice } of [a, b]) {
      const path = TRACKER_PATHS.ready
      assert.is((await caller.call({ method: 'GET', path })).status, 503)
      assert.is((await caller.call({ method: 'GET', path: TRACKER_PATHS.live })).status, 200)
      const refused = await failureOf(alice.getImage(...names('alice/mine')))
      assert.is(refused.code, 'E_BUSY')
      assert.match(refused.message, /database/)
    }
    await server.up()
    for (const { alice, caller } of [a, b]) {
      await until(
        async () => (await caller.call({ method: 'GET', path: TRACKER_PATHS.ready })).status === 200,
      )
      assert.is((await alice.getImage(...names('alice/mine'))).versions.length, 1)
    }
  }
})

function names(text: string) {
  const { namespace, name } = imageKey(text)
  return [namespace, name] as const
}

test.run()
