import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../../src/core/cid.ts'
import { SignatureError } from '../../../src/core/errors.ts'
import { checkGrant, GRANT_TYPE, parseGrant } from '../../../src/core/grant.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { GrantIssuer } from '../../../tracker/grants/grant-issuer.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('grant issuer')
const manifest = manifestIdOf(digestOf(Buffer.from('image')))
const use = { sub: '/CN=node-1', node: 'node-1', peer: 'peer1' as PeerKey, manifest }

function make() {
  const clock = new FakeClock()
  let signed = 0
  const sign = async (claims: Record<string, unknown>, { typ }: { typ: string }) => {
    signed++
    return JSON.stringify({ typ, claims })
  }
  return { clock, issuer: new GrantIssuer({ sign, clock }, { lifetimeSeconds: 300 }), signed: () => signed }
}

test('binds principal, peer and manifest for its life', async () => {
  const { clock, issuer } = make()
  const { token, renewAfterSeconds } = await issuer.issue(use)
  const { typ, claims } = JSON.parse(token)
  assert.is(typ, GRANT_TYPE)
  const grant = parseGrant(claims)
  assert.is(grant.sub, use.sub)
  assert.is(grant.manifest, manifest)
  assert.is(renewAfterSeconds, 200)
  checkGrant(grant, { peer: use.peer, nowMs: clock.now() + 299_000, graceS: 0 })
  assert.throws(() => checkGrant(grant, { peer: use.peer, nowMs: clock.now() + 300_000, graceS: 0 }))
})

test('gives the same grant again while it has half of its life left', async () => {
  const { clock, issuer, signed } = make()
  const first = await issuer.issue(use)
  await clock.advance(149_000)
  const second = await issuer.issue(use)
  assert.is(second.token, first.token)
  assert.is(second.renewAfterSeconds, 51)
  await clock.advance(1_000)
  assert.is.not((await issuer.issue(use)).token, first.token)
  assert.is(signed(), 2)
})

test('never gives the grant of one to another', async () => {
  const { issuer, signed } = make()
  await issuer.issue(use)
  await issuer.issue({ ...use, sub: '/CN=node-2' })
  await issuer.issue({ ...use, peer: 'peer2' as PeerKey })
  assert.is(signed(), 3)
})

test('what was taken back is not given again', async () => {
  const { clock, issuer, signed } = make()
  const first = await issuer.issue(use)
  issuer.purge(({ peer }) => peer === 'another')
  assert.is((await issuer.issue(use)).token, first.token)
  await clock.advance(1000)
  issuer.purge(({ peer }) => peer === use.peer)
  assert.is.not((await issuer.issue(use)).token, first.token)
  assert.is(signed(), 2)
})

test('by the right of a user it says so, and is another grant', async () => {
  const { issuer } = make()
  const own = parseGrant(JSON.parse((await issuer.issue(use)).token).claims)
  const lent = parseGrant(JSON.parse((await issuer.issue({ ...use, user: 'alice' })).token).claims)
  assert.equal([own.node, own.user, lent.user], ['node-1', undefined, 'alice'])
})

test('does not keep a grant that could not be signed', async () => {
  const clock = new FakeClock()
  let failing = true
  const sign = async () => {
    if (failing) throw new SignatureError('no')
    return 'token'
  }
  const issuer = new GrantIssuer({ sign, clock }, { lifetimeSeconds: 300 })
  try {
    await issuer.issue(use)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, SignatureError)
  }
  failing = false
  assert.is((await issuer.issue(use)).token, 'token')
})

test.run()
