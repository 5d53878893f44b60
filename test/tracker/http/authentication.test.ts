import { connect } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Identity } from '../../../src/identity/identity-files.ts'
import type { Tracker } from '../../../tracker/tracker.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { type Answer, HttpsCaller } from '../../fixtures/https-caller.ts'
import { Site } from '../../fixtures/site.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

const test = suite<{ site: TrackerSite; tracker: Tracker; clock: FakeClock }>('authentication')
const DAY_MS = 24 * 3_600_000

test.before(async (context) => {
  context.clock = new FakeClock(Date.now())
  context.site = await TrackerSite.create()
  context.tracker = await context.site.start({ clock: context.clock })
})
test.after(async ({ site, tracker }) => {
  await tracker?.stop()
  await site?.remove()
})

async function get(
  context: { site: TrackerSite; tracker: Tracker },
  path: string,
  identity?: Identity,
): Promise<Answer> {
  const caller = new HttpsCaller({ url: context.tracker.url, site: context.site, identity })
  const answer = await caller.call({ method: 'GET', path })
  caller.close()
  return answer
}

test('without a certificate only health is to be seen', async (context) => {
  for (const path of ['/livez', '/readyz']) assert.is((await get(context, path)).status, 200)
  for (const path of ['/api/whoami', '/api/images', '/metrics', '/openapi.json']) {
    const answer = await get(context, path)
    assert.is(answer.status, 403)
    assert.is(answer.problem?.code, 'E_CERTIFICATE')
  }
})

test('a certificate of another site is refused with a reason', async (context) => {
  const foreign = await (await Site.create('Elsewhere')).issue({ kind: 'user', commonName: 'alice' })
  const answer = await get(context, '/api/whoami', foreign)
  assert.is(answer.status, 403)
  assert.is(answer.problem?.code, 'E_CERTIFICATE')
})

test('a tracker of the same name may ask too, as trackers ask each other', async (context) => {
  const issue = (dnsNames: string[]) =>
    context.site.site.issue({ kind: 'tracker', commonName: 'other', dnsNames })
  const peer = await get(context, '/api/whoami', await issue(['other', TRACKER_NAME]))
  assert.equal([peer.status, JSON.parse(peer.body.toString()).kind], [200, 'tracker'])
  const stranger = await get(context, '/api/whoami', await issue(['other']))
  assert.equal([stranger.status, stranger.problem?.code], [403, 'E_NOT_AUTHORISED'])
  assert.match(stranger.problem?.detail ?? '', 'is no tracker of this name')
})

test('who only calls itself a tracker is none', async (context) => {
  const named = await context.site.site.issue({ kind: 'user', commonName: TRACKER_NAME })
  const answer = await get(context, '/api/whoami', named)
  assert.is(JSON.parse(answer.body.toString()).kind, 'user')
})

test('a certificate that expires on an open connection stops counting', async ({ site, tracker, clock }) => {
  const identity = await site.site.issue({ kind: 'user', commonName: 'short', days: 1 })
  const caller = new HttpsCaller({ url: tracker.url, site, identity })
  assert.is((await caller.call({ method: 'GET', path: '/api/whoami' })).status, 200)
  await clock.leap(2 * DAY_MS)
  assert.is((await caller.call({ method: 'GET', path: '/api/whoami' })).problem?.code, 'E_CERTIFICATE')
  caller.close()
})

test('a session is never resumed, because that would hide the chain', async ({ site, tracker }) => {
  const { certificatePem: cert, keyPem: key } = await site.user('alice')
  const { hostname, port } = new URL(tracker.url)
  const base = {
    host: hostname,
    port: Number(port),
    ca: site.site.ca.certificatePem,
    servername: TRACKER_NAME,
    cert,
    key,
  }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const sessions: Buffer[] = []
    for (let i = 0; i < 2; i++) {
      const session = sessions.at(-1)
      const socket = connect({ ...base, maxVersion, ...(session === undefined ? {} : { session }) })
      socket.on('session', (ticket) => sessions.push(ticket))
      socket.write('GET /api/whoami HTTP/1.1\r\nHost: x\r\n\r\n')
      const [answer] = await Array.fromAsync([new Promise<Buffer>((resolve) => socket.once('data', resolve))])
      assert.match(String(answer), /^HTTP\/1.1 200/)
      assert.is(socket.isSessionReused(), false)
      socket.destroy()
    }
  }
})

test('a client sees a server with another name, and one of another site, as a wrong certificate', async ({
  site,
  tracker,
}) => {
  const identity = await site.user('alice')
  const { TrackerClient } = await import('../../../src/api/tracker-client.ts')
  const { certificatePem, keyPem } = identity
  const other = await Site.create('Elsewhere')
  for (const init of [
    { name: 'somebody.else', caPem: site.site.ca.certificatePem },
    { name: TRACKER_NAME, caPem: other.ca.certificatePem },
  ]) {
    const client = new TrackerClient({ url: tracker.url, certificatePem, keyPem, ...init })
    assert.is((await failureOf(client.whoami())).code, 'E_CERTIFICATE')
    await client.close()
  }
})

test.run()
