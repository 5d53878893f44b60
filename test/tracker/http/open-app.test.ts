import { once } from 'node:events'
import { request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tracker } from '../../../tracker/tracker.ts'
import { noise } from '../../fixtures/noise.ts'
import { RawClient } from '../../fixtures/raw-client.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; alice: RawClient }>('plain HTTP for public images')
const bytes = noise('disk', 700_000)

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start({ more: 'http: { listen: 127.0.0.1:0 }\n' })
  const { site, tracker } = context
  context.alice = new RawClient({ url: tracker.url, site, identity: await site.user('alice') })
  await context.alice.slot('public', { unauthenticated_access: true })
  await context.alice.put('public', bytes)
  await context.alice.slot('private')
  await context.alice.put('private', bytes)
})
test.after(async ({ site, tracker, alice }) => {
  alice?.close()
  await tracker?.stop()
  await site?.remove()
})

async function call(
  { tracker }: { tracker: Tracker },
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  const { method = 'GET', headers = {}, body } = init
  const sent = request(`${tracker.httpUrl}${path}`, { method, headers, agent: false })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }
}

test('public images are there at once, with ranges and tags', async (context) => {
  for (const path of ['alice/public', 'alice/__hypervisor__/public', 'alice/xen/public?tag=latest']) {
    const { status, headers, body } = await call(context, `/api/images/raw/${path}`)
    assert.ok(status === 200 && body.equals(bytes), path)
    assert.is(headers['content-length'], `${bytes.length}`)
  }
  const part = await call(context, '/api/images/raw/alice/public', { headers: { range: 'bytes=-5' } })
  assert.equal([part.status, part.body.length], [206, 5])
  const { etag = '' } = part.headers
  const same = await call(context, '/api/images/raw/alice/public', { headers: { 'if-none-match': etag } })
  assert.equal([same.status, same.body.length], [304, 0])
  const head = await call(context, '/api/images/raw/alice/public', { method: 'HEAD' })
  assert.equal([head.status, head.body.length], [200, 0])
})

test('there is nothing else: a hint says where', async (context) => {
  const hint = new RegExp(`https://${TRACKER_NAME}:`)
  const headers = { host: `${TRACKER_NAME}:80` }
  for (const path of ['alice/private', 'alice/missing', 'none/none', 'public']) {
    const { status, body } = await call(context, `/api/images/raw/${path}`, { headers })
    assert.is(status, 403, path)
    assert.match(JSON.parse(body.toString()).detail, hint)
  }
  for (const path of [
    '/api/images',
    '/api/whoami',
    '/metrics',
    '/openapi.json',
    '/',
    '/api/images/alice/public',
  ]) {
    const { status, body } = await call(context, path, { headers })
    assert.is(status, 404, path)
    assert.match(JSON.parse(body.toString()).detail, hint)
  }
})

test('nothing can be changed', async (context) => {
  const body = '{"name":"x"}'
  const type = { 'content-type': 'application/json', 'content-length': `${body.length}` }
  for (const [method, path] of [
    ['PUT', '/api/images/raw/alice/public'],
    ['POST', '/api/images'],
    ['DELETE', '/api/images/alice/public'],
  ] as const)
    assert.is((await call(context, path, { method, headers: type, body })).status, 404)
  assert.is((await context.alice.object('alice/public')).version, 1)
})

test('http_file_url leads there', async (context) => {
  const object = async (name: string) => {
    const path = `/api/images/alice/${name}`
    const { body } = await context.alice.caller.call({ method: 'GET', path, headers: { host: TRACKER_NAME } })
    return JSON.parse(body.toString()) as { http_file_url: string | null }
  }
  assert.is((await object('private')).http_file_url, null)
  const { pathname, hostname, port, protocol } = new URL((await object('public')).http_file_url ?? '')
  assert.equal([protocol, hostname], ['http:', TRACKER_NAME])
  assert.is(port, new URL(context.tracker.httpUrl ?? '').port)
  assert.ok((await call(context, pathname.replace('__hypervisor__', 'xen'))).body.equals(bytes))
})

test('a site says where it is reached', async ({ site }) => {
  const config = site.config('http: { listen: 127.0.0.1:0 }\npublicHttpUrl: http://images.example\n')
  assert.is(config.publicHttpUrl, 'http://images.example')
  assert.throws(() => site.config('publicHttpUrl: https://images.example\n'), /publicHttpUrl/)
})

test.run()
