import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError, SignatureError } from '../../src/core/errors.ts'
import { issueCrl, serialToRevoke } from '../../src/identity/ca-crl.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { type StatementInit, signJws, verifyJws, verifyStatement } from '../../src/identity/jws.ts'
import { Trust } from '../../src/identity/trust.ts'
import { makeProxy } from '../fixtures/make-proxy.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('statements')
const typ = 'bootswarm-test+jwt'
const DAY_MS = 24 * 3_600_000
const ALICE = '/O=Example/OU=users/CN=Alice Smith'

let site: Site
let alice: Identity
let proxy: Identity

test.before(async () => {
  site = await Site.create()
  alice = await site.issue({ kind: 'user', commonName: 'Alice Smith' })
  proxy = await makeProxy(alice)
})

const verify = (token: string, init: Partial<StatementInit> = {}) =>
  verifyStatement(token, { trust: site.trust, typ, nowMs: Date.now(), ...init })

async function refusal(token: string, init: Partial<StatementInit> = {}): Promise<CertificateError> {
  try {
    await verify(token, init)
  } catch (error) {
    assert.ok(error instanceof CertificateError || error instanceof SignatureError, String(error))
    return error as CertificateError
  }
  return assert.unreachable('accepted') as never
}

test('a user signs with a certificate', async () => {
  const { claims, principal } = await verify(await signJws(alice, { image: 'a/b' }, { typ }))
  assert.equal(claims, { image: 'a/b' })
  assert.equal([principal.dn, principal.proxyDepth, principal.limited], [ALICE, 0, false])
})

test('a user signs with a proxy, and with a proxy of a proxy', async () => {
  const second = await makeProxy(proxy)
  for (const [identity, depth] of [
    [proxy, 1],
    [second, 2],
  ] as const) {
    const { principal } = await verify(await signJws(identity, {}, { typ }))
    assert.equal([principal.dn, principal.proxyDepth, principal.limited], [ALICE, depth, false])
  }
})

test('a limited proxy is told, for the caller to decide', async () => {
  for (const legacy of [false, true]) {
    const limited = await makeProxy(alice, { limited: true, legacy })
    const { principal } = await verify(await signJws(limited, {}, { typ }))
    assert.equal([principal.dn, principal.limited], [ALICE, true])
  }
})

test('no user signs in the name of the tracker', async () => {
  const host = 'tracker.testnet'
  const token = await signJws(proxy, {}, { typ })
  const init = { trust: site.trust, typ, nowMs: Date.now(), host }
  await verifyJws(token, init).then(
    () => assert.unreachable(),
    (error) => assert.is(error.data.reason, 'proxy'),
  )
})

test('the proxy that signed may have ended, when somebody else says when it signed', async () => {
  const token = await signJws(proxy, {}, { typ })
  const nowMs = Date.now() + 24 * 3_600_000
  assert.is((await refusal(token, { nowMs })).data['reason'], 'expired')
  assert.is((await verify(token, { nowMs, madeAtMs: Date.now() })).principal.dn, ALICE)
  assert.is((await refusal(token, { madeAtMs: Date.now() - 24 * 3_600_000 })).data['reason'], 'not-yet-valid')
})

test('a list that is newer than a signature speaks of it all the same', () =>
  withScratch(async (dir) => {
    const tracker = await site.issue({ kind: 'tracker', commonName: 'tracker.testnet' })
    const token = await signJws(tracker, {}, { typ })
    await writeFile(join(dir, 'ca.pem'), site.ca.certificatePem)
    const nowMs = Date.now() + 10 * DAY_MS
    const open = async (...revoked: Identity[]) => {
      const crl = issueCrl({
        ca: site.ca,
        revoked: revoked.map(({ certificatePem }) => serialToRevoke(certificatePem, site.ca)),
        nowMs,
      })
      await writeFile(join(dir, 'ca.crl'), crl.pem)
      const trust = await Trust.load(dir)
      return await verifyJws(token, { trust, typ, nowMs, madeAtMs: Date.now(), host: 'tracker.testnet' })
    }
    assert.is((await open()).principal.commonName, 'tracker.testnet')
    assert.is((await open(alice)).principal.commonName, 'tracker.testnet')
    await open(tracker).then(
      () => assert.unreachable(),
      (error) => assert.is(error.data.reason, 'revoked'),
    )
  }))

test('another type, another key and another chain are refused', async () => {
  const token = await signJws(proxy, {}, { typ })
  assert.instance(await refusal(token, { typ: 'other+jwt' }), SignatureError)
  const stolen = await signJws({ ...proxy, keyPem: alice.keyPem }, {}, { typ })
  assert.match((await refusal(stolen)).message, 'does not verify')
  const leafOnly = await signJws({ ...proxy, chain: proxy.chain.slice(0, 1) }, {}, { typ })
  assert.is((await refusal(leafOnly)).data['reason'], 'not-trusted')
})

test.run()
