import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TRACKER_PATHS } from '../../../src/api/tracker-paths.ts'
import { ERROR_TABLE } from '../../../src/core/errors.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { type Call, HttpsCaller } from '../../fixtures/https-caller.ts'
import { TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; caller: HttpsCaller; identity: Identity }>(
  'requests from anybody',
)

test.before(async (context) => {
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start({ more: 'metrics: { listen: 127.0.0.1:0 }' })
  context.identity = await context.site.user('alice')
  context.caller = new HttpsCaller({
    url: context.tracker.url,
    site: context.site,
    identity: context.identity,
  })
})
test.after(async ({ site, tracker, caller }) => {
  caller?.close()
  await tracker?.stop()
  await site?.remove()
})

const BODIES: Record<string, object> = {
  [TRACKER_PATHS.images]: { namespace: 'alice', name: 'x' },
  [TRACKER_PATHS.join]: {
    reference: 'a/b',
    peer: '12D3KooWAAAAAAAAAAAAAAAA1',
    addresses: ['/ip4/1.2.3.4/tcp/1'],
    labels: { rack: 'r' },
  },
  [TRACKER_PATHS.announce]: {
    manifest: `b${'a'.repeat(58)}`,
    peer: '12D3KooWAAAAAAAAAAAAAAAA1',
    addresses: [],
    runs: 1,
    runsTotal: 2,
  },
  [TRACKER_PATHS.leave]: { manifest: `b${'a'.repeat(58)}`, peer: '12D3KooWAAAAAAAAAAAAAAAA1' },
}

test('any JSON gets a proper answer or a problem document, never a failure of the server', async ({
  caller,
}) => {
  const route = fc.constantFrom(...Object.keys(BODIES))
  const change = fc.tuple(fc.string(), fc.jsonValue())
  const body = fc.oneof(
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.string(),
  )
  const call = fc
    .tuple(route, fc.option(change), body, fc.boolean())
    .map(([path, changed, text, whole]): Call => {
      if (whole) return { method: 'POST', path, body: text }
      const valid = Object.keys(BODIES[path] ?? {})
      const [name = '', value = null] = changed ?? []
      const field = valid[name.length % valid.length] ?? name
      return {
        method: 'POST',
        path,
        body: JSON.stringify({ ...BODIES[path], [changed === null ? 'colour' : field]: value }),
      }
    })
  await fc.assert(
    fc.asyncProperty(call, async (one) => {
      const { status, problem } = await caller.call(one)
      assert.ok(status < 500, `${status} for ${one.path} ${String(one.body)}`)
      if (status >= 400) assert.ok(problem !== undefined && problem.code in ERROR_TABLE)
    }),
    { numRuns: 200 },
  )
})

test('any form or XML gets a proper answer or a problem document, never a failure of the server', async ({
  site,
  tracker,
}) => {
  const admin = new HttpsCaller({ url: tracker.url, site, identity: await site.user('admin') })
  const bob = JSON.stringify({ user_name: 'bob', cert_dn: '/CN=bob' })
  await admin.call({ method: 'POST', path: TRACKER_PATHS.users, body: bob })
  const name = fc.oneof(
    fc.constantFrom('user_name', 'cert_dn', 'email', 'groups', 'name', 'users', 'state'),
    fc.string(),
  )
  const value = fc.oneof(
    fc.constantFrom('alice', '/CN=alice', 'True', '', 'a,b', 'active', '50GiB'),
    fc.string(),
  )
  const fields = fc.array(fc.tuple(name, value), { maxLength: 6 })
  const form = fields.map((list) => ({
    type: 'application/x-www-form-urlencoded',
    body: String(new URLSearchParams(list)),
  }))
  const xml = fields.map((list) => ({
    type: 'application/xml',
    body: `<x>${list.map(([key, text]) => `<${key}>${text}</${key}>`).join('')}</x>`,
  }))
  const path = fc.constantFrom(
    ...[TRACKER_PATHS.users, '/api/users/bob', TRACKER_PATHS.groups, '/api/groups/users'],
    ...[TRACKER_PATHS.namespaces, TRACKER_PATHS.images, TRACKER_PATHS.join],
  )
  const accept = fc.constantFrom('application/json', 'application/xml', '*/*')
  await fc.assert(
    fc.asyncProperty(path, fc.oneof(form, xml), accept, async (one, { type, body }, wanted) => {
      const headers = { 'content-type': type, accept: wanted }
      const { status, headers: given } = await admin.call({ method: 'POST', path: one, body, headers })
      assert.ok(status < 500, `${status} for ${one} ${body}`)
      if (status >= 400) assert.match(String(given['content-type']), /^application\/problem\+(json|xml)/)
    }),
    { numRuns: 200 },
  )
  admin.close()
})

test('any path gets a proper answer or a problem document', async ({ caller }) => {
  const part = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('..', '.', '%', '%00', '%2e%2e', 'raw', '*'),
  )
  const path = fc
    .array(part.map(encodeURI), { maxLength: 5 })
    .map((parts) => `/api/images/${parts.join('/')}`)
  await fc.assert(
    fc.asyncProperty(path, fc.constantFrom('GET', 'DELETE', 'PUT', 'PATCH'), async (one, method) => {
      const answer = await caller.call({ method, path: one })
      assert.ok(answer.status < 500, `${answer.status} for ${method} ${one}`)
      if (answer.status >= 400) assert.ok(answer.problem !== undefined)
    }),
    { numRuns: 150 },
  )
})

test('refuses unknown fields, wrong types, wrong media and large bodies with a reason', async ({
  caller,
}) => {
  const code = async (call: Partial<Call>) =>
    (await caller.call({ method: 'POST', path: TRACKER_PATHS.images, ...call })).problem?.code
  assert.is(await code({ body: '{"namespace":"a","name":"b","colour":"blue"}' }), 'E_INVALID')
  assert.is(await code({ body: '{"namespace":"a","name":3}' }), 'E_INVALID')
  assert.is(await code({ body: '{"namespace":"a","name":"../b"}' }), 'E_INVALID')
  assert.is(await code({ body: '{"__proto__":{},"namespace":"a","name":"b"}' }), 'E_INVALID')
  assert.is(await code({ body: '{' }), 'E_INVALID')
  assert.is(
    await code({ body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    'E_INVALID',
  )
  assert.is(await code({ body: `"${'x'.repeat(70_000)}"` }), 'E_LIMIT')
  assert.is(await code({ body: new Uint8Array(10) }), 'E_INVALID')
  assert.is(await code({ path: '/api/uploads/aaaaaaaaaaaaaaaaaaaaaaaa/blocks', body: '{}' }), 'E_INVALID')
  assert.is(await code({ path: '/nothing' }), 'E_NOT_FOUND')
})

test('measures itself', async ({ caller }) => {
  const text = (await caller.call({ method: 'GET', path: '/metrics' })).body.toString()
  assert.match(text, /bootswarm_tracker_http_request_duration_seconds_bucket\{[^}]*route="\/api\/images"/)
  assert.match(text, /bootswarm_tracker_swarm_peers\{state="complete"\} 0/)
  assert.not.match(text, /alice/)
})

test.run()
