import type { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { type Principal, validatePath } from '../../src/identity/path-validation.ts'
import { readCertificate } from '../../src/identity/pem.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, LEAF, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { draftInfo, LIMITED, rfcInfo } from '../fixtures/proxy-extensions.ts'
import { resigner } from '../fixtures/resign.ts'

/** What a person with a good certificate may try: whatever she signs, she stays herself. */
const test = suite('hostile proxies')
const lack = missingPrograms('openssl')
const proven = testsThatNeed(test, lack)

const tree = new OpensslTree()
test.after(() => tree.remove())

const ALICE = '/O=Example/CN=alice'
const BOB = '/O=Example/CN=bob'
const USAGE = 'keyUsage=critical,digitalSignature'
/** One validation of hostile bytes; of processor time, since machines that run tests are busy. */
const TIME_MICROS_MAX = 1_000_000

let trust: Trust
let alice: X509Certificate
/** Certificates with the name that each may act under, if any. */
const pool: { certificate: X509Certificate; owner: string }[] = []

function make(
  name: string,
  owner: string,
  plan: { issuer: string; subject: string; extensions: string[] },
): X509Certificate {
  const certificate = tree.make({ name, ...plan })
  pool.push({ certificate, owner })
  return certificate
}

test.before(() => {
  if (lack !== undefined) return
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  trust = Trust.fromPem(tree.pem('root'))
  const leaf = LEAF.slice(0, 3)
  alice = make('alice', ALICE, { issuer: 'root', subject: ALICE, extensions: leaf })
  make('bob', BOB, { issuer: 'root', subject: BOB, extensions: leaf })
  const rfc = [USAGE, rfcInfo()]
  make('a1', ALICE, { issuer: 'alice', subject: `${ALICE}/CN=1`, extensions: rfc })
  make('a2', ALICE, { issuer: 'a1', subject: `${ALICE}/CN=1/CN=2`, extensions: rfc })
  make('limited', ALICE, {
    issuer: 'a1',
    subject: `${ALICE}/CN=1/CN=3`,
    extensions: [USAGE, rfcInfo({ language: LIMITED })],
  })
  make('legacy', ALICE, { issuer: 'alice', subject: `${ALICE}/CN=proxy`, extensions: [USAGE] })
  make('draft', ALICE, { issuer: 'alice', subject: `${ALICE}/CN=4`, extensions: [USAGE, draftInfo({})] })
  make('b1', BOB, { issuer: 'bob', subject: `${BOB}/CN=1`, extensions: rfc })
  // What alice has made in the names of others.
  make('x1', 'nobody', { issuer: 'alice', subject: `${BOB}/CN=1`, extensions: rfc })
  make('x2', 'nobody', { issuer: 'alice', subject: BOB, extensions: leaf })
  make('x3', 'nobody', { issuer: 'alice', subject: `${BOB}/CN=proxy`, extensions: [USAGE] })
  make('x4', 'nobody', { issuer: 'x2', subject: `${BOB}/CN=1`, extensions: rfc })
  make('x5', 'nobody', { issuer: 'x5', subject: BOB, extensions: CA })
  make('x6', 'nobody', { issuer: 'x5', subject: `${BOB}/CN=1`, extensions: rfc })
})

function judge(chain: readonly X509Certificate[]): Principal | undefined {
  const started = process.cpuUsage()
  try {
    return validatePath(chain, { trust, nowMs: Date.now(), purpose: 'client' })
  } catch (error) {
    assert.instance(error, CertificateError)
    return undefined
  } finally {
    assert.ok(process.cpuUsage(started).user < TIME_MICROS_MAX)
  }
}

proven('a chain of any certificates in any order is its owner or nobody', () => {
  let accepted = 0
  const indexes = fc.array(fc.nat(13), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(indexes, (chosen) => {
      const chain = chosen.flatMap((i) => pool[i] ?? [])
      const principal = judge(chain.map(({ certificate }) => certificate))
      if (principal === undefined) return
      accepted++
      assert.is(principal.dn, chain[0]?.owner)
    }),
    { numRuns: 3000 },
  )
  assert.ok(accepted > 0, 'some are good')
})

proven('a limited proxy is never anything else', () => {
  const [limited] = pool.filter(({ certificate }) => certificate.subject.endsWith('CN=3'))
  const indexes = fc.array(fc.nat(13), { maxLength: 5 })
  fc.assert(
    fc.property(indexes, (chosen) => {
      const others = chosen.flatMap((i) => pool[i]?.certificate ?? [])
      const principal = judge([limited?.certificate ?? alice, ...others])
      assert.ok(principal === undefined || principal.limited)
    }),
  )
})

proven('whatever octets alice signs, she is herself or nobody', () => {
  for (const name of ['a1', 'legacy', 'draft']) {
    const original = readCertificate(tree.pem(name))
    const signed = resigner(original.raw, tree.run(['pkey', '-in', tree.key('alice')]))
    const change = fc.tuple(fc.nat(signed.bodyLength - 1), fc.integer({ min: 0, max: 255 }))
    let accepted = 0
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        let certificate: X509Certificate
        try {
          certificate = readCertificate(signed.with(changes))
        } catch (error) {
          assert.instance(error, CertificateError)
          return
        }
        const principal = judge([certificate, alice])
        if (principal === undefined) return
        accepted++
        assert.is(principal.dn, ALICE)
      }),
      { numRuns: 1000 },
    )
    assert.ok(accepted > 0, 'the signatures are good')
  }
})

test.run()
