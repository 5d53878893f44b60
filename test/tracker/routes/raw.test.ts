import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TrackerClient } from '../../../src/api/tracker-client.ts'
import { parseReference } from '../../../src/core/reference.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { testImage } from '../../fixtures/test-image.ts'
import { collect, pushImage, TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{
  site: TrackerSite
  tracker: Tracker
  alice: TrackerClient
  identity: Identity
  caller: HttpsCaller
}>('raw images')
const run = promisify(execFile)
const image = testImage({ seed: 'raw', blocks: 400, zeros: true })
const reference = parseReference('alice/debian')
const path = '/api/images/raw/alice/debian'

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start()
  context.identity = await context.site.user('alice')
  context.alice = context.site.client(context.tracker.url, context.identity)
  context.caller = new HttpsCaller({
    url: context.tracker.url,
    site: context.site,
    identity: context.identity,
  })
  await pushImage(context.alice, image, { to: 'alice/debian' })
})
test.after(async ({ site, tracker, caller }) => {
  caller?.close()
  await tracker?.stop()
  await site?.remove()
})

test('gives every byte, and ranges of them', async ({ alice }) => {
  assert.ok((await collect(await alice.raw(reference))).equals(image.bytes))
  const part = await collect(await alice.raw(reference, { start: 5000, end: 70_001 }))
  assert.ok(part.equals(image.bytes.subarray(5000, 70_001)))
  const tail = await collect(await alice.raw(reference, { start: image.bytes.length - 10 }))
  assert.ok(tail.equals(image.bytes.subarray(-10)))
})

test('answers ranges and conditions as HTTP says', async ({ caller }) => {
  const size = image.bytes.length
  const etag = `"${image.manifestId}"`
  const get = (headers: Record<string, string>, method = 'GET') => caller.call({ method, path, headers })
  const head = await get({}, 'HEAD')
  assert.equal(
    [head.status, head.headers['content-length'], head.headers['etag'], head.body.length],
    [200, `${size}`, etag, 0],
  )
  const part = await get({ range: 'bytes=-100' })
  assert.is(part.status, 206)
  assert.is(part.headers['content-range'], `bytes ${size - 100}-${size - 1}/${size}`)
  assert.ok(part.body.equals(image.bytes.subarray(-100)))
  const past = await get({ range: `bytes=${size}-` })
  assert.equal([past.status, past.headers['content-range']], [416, `bytes */${size}`])
  assert.is((await get({ 'if-none-match': etag })).status, 304)
  assert.is((await get({ 'if-none-match': '"other"' }, 'HEAD')).status, 200)
  assert.is((await get({ range: 'bytes=0-9', 'if-range': etag })).status, 206)
  const changed = await get({ range: 'bytes=0-9', 'if-range': '"other"' })
  assert.equal([changed.status, changed.body.length], [200, size])
})

test('finds versions by tag and number, and refuses both at once', async ({ caller }) => {
  const status = async (query: string) =>
    (await caller.call({ method: 'HEAD', path: `${path}?${query}` })).status
  assert.is(await status('tag=latest'), 200)
  assert.is(await status('version=1'), 200)
  assert.is(await status(`manifest=${image.manifestId}`), 200)
  assert.is(await status('version=2'), 404)
  assert.is(await status('tag=none'), 404)
  assert.is(await status('version=1&tag=latest'), 400)
  assert.is(await status('version=1.5'), 400)
  assert.is(await status('colour=blue'), 400)
})

test('curl resumes a download with --cert', async ({ site, tracker, identity }) => {
  const [cert, key, out] = ['alice.pem', 'alice.key', 'debian.img'].map((name) => join(site.dir, name))
  await writeFile(cert ?? '', identity.certificatePem)
  await writeFile(key ?? '', identity.keyPem, { mode: 0o600 })
  await writeFile(out ?? '', image.bytes.subarray(0, 123_456))
  const { port } = new URL(tracker.url)
  const host = `${TRACKER_NAME}:${port}`
  const trust = ['--cacert', join(site.dir, 'ca.pem'), '--resolve', `${host}:127.0.0.1`]
  const args = [
    '-sS',
    '--fail',
    '--noproxy',
    '*',
    ...trust,
    '--cert',
    `${cert}`,
    '--key',
    `${key}`,
    '-C',
    '-',
    '-o',
    `${out}`,
  ]
  await run('curl', [...args, `https://${host}${path}`])
  const { readFile } = await import('node:fs/promises')
  assert.ok((await readFile(out ?? '')).equals(image.bytes))
})

test('a client that goes away in the middle leaves the tracker well', async ({
  site,
  tracker,
  identity,
  alice,
}) => {
  const { hostname, port } = new URL(tracker.url)
  const ca = site.site.ca.certificatePem
  const socket = connect({
    host: hostname,
    port: Number(port),
    ca,
    servername: TRACKER_NAME,
    cert: identity.certificatePem,
    key: identity.keyPem,
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  assert.is((await collect(await alice.raw(reference, { end: 10 }))).length, 10)
})

test('a download whose block is lost breaks off and does not look complete', async ({
  site,
  identity,
  tracker,
}) => {
  const { DatabaseSync } = await import('node:sqlite')
  await tracker.stop()
  const db = new DatabaseSync(join(site.dir, 'data/blocks/index.sqlite'))
  const lost = image.blocks[350]?.digest ?? new Uint8Array()
  db.prepare('delete from blocks where digest = ?').run(lost)
  db.close()
  const again = await site.start()
  try {
    const client = site.client(again.url, identity)
    const failure = await failureOf(client.raw(reference).then(collect))
    assert.is(failure.code, 'E_UNREACHABLE')
  } finally {
    await again.stop()
  }
})

test.run()
