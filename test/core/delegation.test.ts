import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkDelegation, parseDelegation } from '../../src/core/delegation.ts'
import { BootswarmError, GrantError } from '../../src/core/errors.ts'
import { parseReference } from '../../src/core/reference.ts'

const test = suite('delegation')
const nowMs = Date.UTC(2030, 0, 1)
const nowS = nowMs / 1000
const claims = {
  ...{ node: '/OU=nodes/CN=a', namespace: 'alice', name: 'disk' as string | null, aud: 'tracker' },
  ...{ iat: nowS, exp: nowS + 3600 },
}
const use = { node: claims.node, image: parseReference('alice/disk'), audience: new Set(['tracker']), nowMs }
const isGrant = (error: unknown) => error instanceof GrantError

test('counts for its node, image, tracker and time', () => {
  checkDelegation(parseDelegation(claims), use)
  const delegation = parseDelegation(claims)
  const others = [
    { node: '/OU=nodes/CN=b' },
    { image: parseReference('alice/other') },
    { image: parseReference('bob/disk') },
    { audience: new Set(['elsewhere']) },
    { nowMs: nowMs + 3_600_000 },
    { nowMs: nowMs - 61_000 },
  ]
  for (const other of others) assert.throws(() => checkDelegation(delegation, { ...use, ...other }), isGrant)
})

test('without a name it is for all of the namespace', () => {
  const delegation = parseDelegation({ ...claims, name: null })
  checkDelegation(delegation, { ...use, image: parseReference('alice/other') })
  assert.throws(() => checkDelegation(delegation, { ...use, image: parseReference('bob/disk') }), isGrant)
})

test('lasts a day at most, and not less than nothing', () => {
  for (const exp of [nowS + 86_401, nowS, nowS - 1, nowS + 0.5, Number.NaN, '1'])
    assert.throws(() => parseDelegation({ ...claims, exp }), isGrant)
  parseDelegation({ ...claims, exp: nowS + 86_400 })
})

test('any claims are read or refused with a typed error', () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.string()))
  const fields = fc.record(
    { node: value, namespace: value, name: value, aud: value, iat: value, exp: value },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fields, (change) => {
      try {
        parseDelegation({ ...claims, ...change })
      } catch (error) {
        assert.instance(error, BootswarmError)
      }
    }),
  )
})

test.run()
