import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TRUST_POLL_MS } from '../../../src/core/limits.ts'
import { silentLog } from '../../../src/core/log.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { startTracker, type Tracker } from '../../../tracker/tracker.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'
import { HttpsCaller } from '../../fixtures/https-caller.ts'
import { makeProxy } from '../../fixtures/make-proxy.ts'
import { TRACKER_NAME, TrackerSite } from '../../fixtures/tracker.ts'

interface Context {
  site: TrackerSite
  tracker: Tracker
  clock: FakeClock
  alice: Identity
  bob: Identity
  callers: HttpsCaller[]
}

const test = suite<Context>('revocation at the tracker')
const DAY_MS = 24 * 3_600_000

test.before.each(async (context) => {
  const site = await TrackerSite.create()
  context.site = site
  context.callers = []
  context.clock = new FakeClock(Date.now())
  context.alice = await site.user('alice')
  context.bob = await site.user('bob')
  const crl = await replaceList(site)
  const config = site.config()
  const identity = { ...config.identity, crl, crlRequired: true }
  context.tracker = await startTracker({ log: silentLog, clock: context.clock }, { ...config, identity })
})
test.after.each(async ({ tracker, site, callers }) => {
  for (const caller of callers) caller.close()
  await tracker.stop()
  await site.remove()
})

/** As fetch-crl does it: a new file in the place of the old one. */
async function replaceList(site: TrackerSite, ...revoked: Identity[]): Promise<string> {
  const path = join(site.dir, 'ca.crl')
  await writeFile(`${path}.new`, site.site.crl(...revoked))
  await rename(`${path}.new`, path)
  return path
}

/** Asks who one is, on one connection that stays open; gives status and detail. */
function asker(context: Context, identity: Identity): () => Promise<string> {
  const caller = new HttpsCaller({ url: context.tracker.url, site: context.site, identity })
  context.callers.push(caller)
  return async () => {
    const { status, problem } = await caller.call({ method: 'GET', path: '/api/whoami' })
    return `${status} ${problem?.detail ?? ''}`
  }
}

/** Asks until the answer changes: the tracker reads its files in the background. */
async function changed(ask: () => Promise<string>, from: string): Promise<string> {
  for (let i = 0; i < 1000; i++) {
    const answer = await ask()
    if (!answer.startsWith(from)) return answer
    await sleep(10)
  }
  return assert.unreachable('nothing changed') as never
}

test('a certificate that is revoked stops counting on a connection that is open', async (context) => {
  const { site, clock, alice, bob } = context
  const asAlice = asker(context, alice)
  const asProxy = asker(context, await makeProxy(alice))
  const asBob = asker(context, bob)
  for (const ask of [asAlice, asProxy, asBob]) assert.is(await ask(), '200 ')
  await replaceList(site, alice)
  await clock.advance(TRUST_POLL_MS)
  assert.match(await changed(asAlice, '200'), /^403 .*CN=alice: .* has revoked it/)
  assert.match(await asProxy(), /^403 .*CN=alice: .* has revoked it/)
  assert.is(await asBob(), '200 ')
  await replaceList(site)
  await clock.advance(TRUST_POLL_MS)
  assert.is(await changed(asAlice, '403'), '200 ')
})

test('SIGHUP has the files read at once', async (context) => {
  const ask = asker(context, context.alice)
  assert.is(await ask(), '200 ')
  await replaceList(context.site, context.alice)
  process.kill(process.pid, 'SIGHUP')
  assert.match(await changed(ask, '200'), /^403 .*has revoked it/)
})

test('the end of the list and of the certificate are among the metrics', async (context) => {
  const caller = new HttpsCaller({ url: context.tracker.url, site: context.site, identity: context.alice })
  context.callers.push(caller)
  const text = (await caller.call({ method: 'GET', path: '/metrics' })).body.toString()
  assert.match(text, 'bootswarm_tracker_crl_next_update_timestamp_seconds{issuer="/O=Example/CN=Example CA"}')
  assert.match(text, 'bootswarm_tracker_cert_expiry_timestamp_seconds ')
  assert.match(text, 'bootswarm_tracker_trust_stale 0')
})

test('a renewed certificate of the tracker is shown without a restart', async ({ site, tracker, clock }) => {
  const shown = async () => {
    const { hostname, port } = new URL(tracker.url)
    const ca = site.site.ca.certificatePem
    const socket = connect({ host: hostname, port: Number(port), ca, servername: TRACKER_NAME })
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256
  }
  const before = await shown()
  const renewed = await site.site.issue({ kind: 'tracker', commonName: TRACKER_NAME })
  await writeFile(join(site.dir, 'tracker.key'), renewed.keyPem)
  await writeFile(join(site.dir, 'tracker.pem'), renewed.certificatePem)
  await clock.advance(TRUST_POLL_MS)
  assert.is(await changed(shown, before), renewed.principal.fingerprint256)
})

test('nobody counts when the list has ended', async (context) => {
  const ask = asker(context, context.alice)
  assert.is(await ask(), '200 ')
  await context.clock.leap(31 * DAY_MS)
  assert.match(await ask(), /^403 .*the revocation list .*ca.crl of \/O=Example\/CN=Example CA ended at/)
})

test.run()
