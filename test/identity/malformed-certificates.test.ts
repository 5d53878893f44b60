import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { validatePath } from '../../src/identity/path-validation.ts'
import { readCertificate } from '../../src/identity/pem.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { resigner } from '../fixtures/resign.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('malformed certificates')
const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))
/** One validation of hostile bytes; generous, because machines that run tests are slow. */
const TIME_MS_MAX = 1000

let site: Site
let leaf: X509Certificate

test.before(async () => {
  site = await Site.create()
  const identity = await site.issue({ kind: 'tracker', commonName: 'tracker.testnet' })
  leaf = new X509Certificate(identity.certificatePem)
})

/** Refuses `der` with CertificateError, or accepts it because OpenSSL reads it as the very same certificate. */
function judge(der: Uint8Array, original: X509Certificate, trust: Trust): void {
  const start = performance.now()
  try {
    const certificate = readCertificate(der)
    validatePath([certificate], { trust, nowMs: Date.now(), purpose: 'sign', host: 'tracker.testnet' })
    assert.ok(certificate.raw.equals(original.raw), 'accepted another certificate')
  } catch (error) {
    assert.instance(error, CertificateError)
  }
  assert.ok(performance.now() - start < TIME_MS_MAX)
}

const mutations = (size: number) =>
  fc.array(fc.tuple(fc.nat(size - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })

function mutate(der: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = Uint8Array.from(der)
  for (const [at, octet] of changes) copy[at] = octet
  return copy
}

test('refuses certificates with changed octets', () => {
  fc.assert(
    fc.property(mutations(leaf.raw.length), (changes) => judge(mutate(leaf.raw, changes), leaf, site.trust)),
    { numRuns: 2000 },
  )
})

test('refuses certificates that are cut, doubled or spliced', () => {
  const { raw } = leaf
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.nat(raw.length - 1), (a, b) => {
      judge(raw.subarray(0, a), leaf, site.trust)
      judge(Buffer.concat([raw.subarray(0, a), raw.subarray(b)]), leaf, site.trust)
    }),
  )
})

test('refuses random octets', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (der) => judge(der, leaf, site.trust)))
  assert.throws(
    () => Trust.fromPem('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    (error: unknown) => error instanceof CertificateError,
  )
})

withOpenssl('refuses certificates of more than 32 KiB and with too many extensions', () => {
  const tree = new OpensslTree()
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  const trust = Trust.fromPem(tree.pem('root'))
  const check = (certificate: X509Certificate) =>
    validatePath([certificate], { trust, nowMs: Date.now(), purpose: 'client' })
  const huge = `1.3.6.1.4.1.55555.1=DER:04:82:82:00${':00'.repeat(0x8200)}`
  assert.throws(
    () => check(tree.make({ name: 'huge', issuer: 'root', extensions: [huge] })),
    /more than 32768 bytes/,
  )
  const many = Array.from({ length: 65 }, (_, i) => `1.3.6.1.4.1.55555.${i}=DER:0500`)
  assert.throws(
    () => check(tree.make({ name: 'many', issuer: 'root', extensions: many })),
    /too many extensions/,
  )
  tree.remove()
})

withOpenssl('refuses or accepts re-signed mutations, never crashes', () => {
  // The signature of a mutated body is made again, so that the rules behind it meet the mutation.
  const tree = new OpensslTree()
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  const trust = Trust.fromPem(tree.pem('root'))
  const original = tree.make({ name: 'leaf', issuer: 'root' })
  const resign = resigner(original.raw, tree.run(['pkey', '-in', tree.key('root')]))
  let accepted = 0
  fc.assert(
    fc.property(mutations(resign.bodyLength), (changes) => {
      const start = performance.now()
      try {
        validatePath([readCertificate(resign.with(changes))], {
          trust,
          nowMs: Date.now(),
          purpose: 'client',
        })
        accepted++
      } catch (error) {
        assert.instance(error, CertificateError)
      }
      assert.ok(performance.now() - start < TIME_MS_MAX)
    }),
    { numRuns: 2000 },
  )
  assert.ok(accepted > 0, 'the signatures are good')
  tree.remove()
})

test.run()
