import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { VALIDATED_CHAINS_MAX } from '../../src/core/limits.ts'
import { Trust } from '../../src/identity/trust.ts'
import { remembered } from '../../src/identity/validated-chains.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('validated chains')
let site: Site
let trust: Trust
test.before(async () => {
  site = await Site.create()
})
test.before.each(() => {
  trust = Trust.fromPem(site.ca.certificatePem)
})

const NOW_MS = 1_000_000
const HOLDS = { fromMs: 500_000, listsUntilMs: 2_000_000, principal: { notAfterMs: NOW_MS + 1000 } }
let runs = 0
const ask = (key: string, nowMs = NOW_MS, of = trust) =>
  remembered({ trust: of, nowMs, key }, () => ({ ...HOLDS, run: ++runs })).run

test('validates once as long as the path is valid', () => {
  const run = ask('a')
  assert.is(ask('a', NOW_MS + 1000), run)
  assert.is.not(ask('a', NOW_MS + 1001), run)
})

test('validates again for another key, another trust, and when the clock has gone back', () => {
  const run = ask('a')
  assert.is.not(ask('b'), run)
  assert.is.not(ask('a', NOW_MS, Trust.fromPem(site.ca.certificatePem)), run)
  assert.is.not(ask('a', NOW_MS - 1), run)
})

test('takes what it remembers for another time at which the path was valid', () => {
  const at = (atMs: number, nowMs = NOW_MS) =>
    remembered({ trust, nowMs, atMs, key: 'a' }, () => ({ ...HOLDS, run: ++runs })).run
  const run = at(NOW_MS)
  assert.is(at(500_000), run)
  assert.is(at(NOW_MS + 1000, 1_900_000), run)
  const early = at(499_999)
  assert.is.not(early, run)
  assert.is.not(at(NOW_MS + 1001), early)
})

test('validates again when a revocation list has ended', () => {
  const at = (nowMs: number) =>
    remembered({ trust, nowMs, atMs: NOW_MS, key: 'a' }, () => ({ ...HOLDS, run: ++runs })).run
  const run = at(NOW_MS)
  assert.is(at(2_000_000), run)
  assert.is.not(at(2_000_001), run)
})

test('remembers no refusal', () => {
  const refuse = () => {
    throw new CertificateError('no')
  }
  assert.throws(() => remembered({ trust, nowMs: NOW_MS, key: 'a' }, refuse), /no/)
  assert.type(ask('a'), 'number')
})

test('forgets the least recently used past its bound', () => {
  const [first, second] = [ask('first'), ask('second')]
  for (let i = 0; i < VALIDATED_CHAINS_MAX - 2; i++) ask(`k${i}`)
  assert.is(ask('first'), first)
  ask('one more')
  assert.is(ask('first'), first)
  assert.is.not(ask('second'), second)
})

test.run()
