import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verifyAclChain, verifyRecordChain } from '../../../src/cli/signed/chain.ts'
import { ACL_TYPE } from '../../../src/core/acl.ts'
import { payloadDigest } from '../../../src/core/chain.ts'
import type { Identity } from '../../../src/identity/identity-files.ts'
import { signJws } from '../../../src/identity/jws.ts'
import { failureOf } from '../../fixtures/failure.ts'
import { Site } from '../../fixtures/site.ts'

const NAME = 'tracker.example'
const test = suite<{ site: Site; tracker: Identity }>('verified chains')
const nowMs = Date.now()
const nowS = Math.floor(nowMs / 1000)

test.before(async (context) => {
  context.site = await Site.create()
  context.tracker = await context.site.issue({ kind: 'tracker', commonName: NAME, dnsNames: [NAME] })
})

/** A chain of ACLs with these changes to what it would be. */
async function chain(signer: Identity, changes: readonly object[]): Promise<string[]> {
  const tokens: string[] = []
  for (const [i, change] of changes.entries()) {
    const before = tokens.at(-1)
    const claims = {
      ...{ namespace: 'site', name: null, target: 'namespace:site', version: i + 1 },
      previous: before === undefined ? null : payloadDigest(before),
      ...{ owner: { kind: 'user', subject: 'alice' }, entries: [], ended: false, repaired: false },
      ...{ author: '/CN=alice', iat: nowS, ...change },
    }
    tokens.push(await signJws(signer, claims, { typ: ACL_TYPE }))
  }
  return tokens
}

test('a chain that is right comes to its newest statement', async ({ site, tracker }) => {
  const tokens = await chain(tracker, [{}, {}, { version: 7, repaired: true }])
  const { newest, gaps, statements } = await verifyAclChain(tokens, { trust: site.trust, name: NAME, nowMs })
  assert.equal([newest.statement.version, statements.length, gaps], [7, 3, [{ first: 3, last: 6 }]])
})

test('an empty chain, one from the future, one of another kind and one of another signer are refused', async (context) => {
  const { site, tracker } = context
  const judge = { trust: site.trust, name: NAME, nowMs }
  assert.is((await failureOf(verifyAclChain([], judge))).code, 'E_SIGNATURE')
  const future = await failureOf(verifyAclChain(await chain(tracker, [{ iat: nowS + 3600 }]), judge))
  assert.match(future.message, /in the future/)
  const tokens = await chain(tracker, [{}])
  assert.is((await failureOf(verifyRecordChain(tokens, judge))).code, 'E_SIGNATURE')
  assert.is(
    (await failureOf(verifyAclChain(tokens, { ...judge, name: 'other.example' }))).code,
    'E_CERTIFICATE',
  )
  const user = await site.issue({ kind: 'user', commonName: 'alice' })
  assert.is((await failureOf(verifyAclChain(await chain(user, [{}]), judge))).code, 'E_CERTIFICATE')
  assert.is(
    (await failureOf(verifyAclChain(await chain(tracker, [{ owner: 'alice' }]), judge))).code,
    'E_INVALID',
  )
})

test('a statement that went back in time is refused', async ({ site, tracker }) => {
  const tokens = await chain(tracker, [{}, { iat: nowS - 1 }])
  const failure = await failureOf(verifyAclChain(tokens, { trust: site.trust, name: NAME, nowMs }))
  assert.match(failure.message, /is older than the one before/)
})

test.run()
