import type { X509Certificate } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import type { Purpose } from '../../src/identity/certificate-rules.ts'
import { type Principal, validatePath } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, type CertificatePlan, LEAF, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'

const test = suite('path validation')
const DAY_MS = 24 * 3600 * 1000
const lack = missingPrograms('openssl')
const accepts = testsThatNeed(test, lack)

const tree = new OpensslTree()
test.after(() => tree.remove())

let root: X509Certificate
let intermediate: X509Certificate
let trust: Trust

test.before(() => {
  if (lack !== undefined) return
  root = tree.make({ name: 'root', issuer: 'root', extensions: CA, key: 'rsa2048', days: 60 })
  intermediate = tree.make({ name: 'intermediate', issuer: 'root', extensions: CA, days: 40 })
  trust = Trust.fromPem(tree.pem('root'))
})

interface Check {
  purpose?: Purpose
  host?: string
  days?: number
  trust?: Trust
}

function check(
  chain: readonly X509Certificate[],
  { purpose = 'client', host, days = 0, ...rest }: Check = {},
): Principal {
  const nowMs = Date.now() + days * DAY_MS
  return validatePath(chain, { trust, ...rest, nowMs, purpose, host })
}

/** Asserts that the chain is refused for this reason, and that the message names the certificate. */
function refused(chain: readonly X509Certificate[], reason: string, options: Check = {}): CertificateError {
  try {
    check(chain, options)
  } catch (error) {
    assert.instance(error, CertificateError)
    assert.is((error as CertificateError).data['reason'], reason, (error as CertificateError).message)
    return error as CertificateError
  }
  return assert.unreachable(`accepted, not refused as ${reason}`) as never
}

let count = 0
function make(plan: Partial<CertificatePlan>): X509Certificate {
  return tree.make({ name: `c${++count}`, issuer: 'root', ...plan })
}

for (const key of ['ec', 'p384', 'ed25519', 'rsa2048', 'rsa-pss'] as const) {
  accepts(`accepts a leaf with a key of the kind ${key}`, () => {
    const leaf = make({ key, subject: `/DC=org/DC=example/O=Example/CN=${key}` })
    const principal = check([leaf])
    assert.is(principal.dn, `/DC=org/DC=example/O=Example/CN=${key}`)
    assert.is(principal.commonName, key)
    assert.is(principal.fingerprint256, leaf.fingerprint256)
    assert.is(principal.notAfterMs, Date.parse(leaf.validTo))
    for (const purpose of ['client', 'server', 'sign', 'any'] as const) check([leaf], { purpose })
  })
}

accepts('accepts an intermediate, sent or in the CA file, with or without the root behind it', () => {
  const leaf = make({ issuer: 'intermediate' })
  check([leaf, intermediate])
  check([leaf, intermediate, root])
  check([leaf], { trust: Trust.fromPem(tree.pem('root', 'intermediate')) })
  const error = refused([leaf], 'not-trusted')
  assert.match(error.message, `certificate ${check([leaf, intermediate]).dn}: its issuer is neither`)
})

accepts('says that the principal ends with the first certificate of its path', () => {
  const leaf = make({ issuer: 'intermediate', days: 50 })
  assert.is(check([leaf, intermediate]).notAfterMs, Date.parse(intermediate.validTo))
  const error = refused([leaf, intermediate], 'expired', { days: 45 })
  assert.is(error.data['dn'], '/O=Example/CN=intermediate')
  refused([leaf, intermediate], 'expired', { days: 55 })
})

accepts('refuses what is expired or not yet valid, and tolerates a minute', () => {
  const leaf = make({ days: 10 })
  const notAfterMs = Date.parse(leaf.validTo)
  const notBeforeMs = Date.parse(leaf.validFrom)
  const at = (nowMs: number) => validatePath([leaf], { trust, nowMs, purpose: 'client' })
  at(notAfterMs + 60_000)
  assert.throws(() => at(notAfterMs + 61_000), /expired at .*; issue a new one/)
  const days = (notBeforeMs - 60_000 - Date.now()) / DAY_MS
  refused([leaf], 'not-yet-valid', { days: days - 1 })
})

accepts('refuses a leaf that a certificate without CA:TRUE has signed', () => {
  const middle = make({ name: 'plain' })
  const leaf = make({ issuer: 'plain' })
  const error = refused([leaf, middle], 'not-a-ca')
  assert.match(error.message, 'certificate /O=Example/CN=plain: it is no CA')
})

accepts('refuses a CA without basicConstraints or without keyCertSign', () => {
  const bare = make({ name: 'bare', extensions: ['subjectKeyIdentifier=hash'] })
  refused([make({ issuer: 'bare' }), bare], 'not-a-ca')
  const mute = make({
    name: 'mute',
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'],
  })
  refused([make({ issuer: 'mute' }), mute], 'key-usage')
})

accepts('refuses more CA certificates than the path length allows', () => {
  const zero = make({ name: 'zero', extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] })
  const below = make({ name: 'below', issuer: 'zero', extensions: CA })
  check([make({ issuer: 'zero' }), zero])
  const error = refused([make({ issuer: 'below' }), below, zero], 'path-length')
  assert.match(error.message, '/O=Example/CN=zero: it allows 0 CA certificates below it, and there are 1')
})

accepts('asks for the extended key usage of the purpose', () => {
  const without = (lines: readonly string[]) =>
    LEAF.filter((line) => !lines.some((key) => line.startsWith(key)))
  const client = make({ extensions: [...without(['extended']), 'extendedKeyUsage=clientAuth'] })
  check([client])
  refused([client], 'extended-key-usage', { purpose: 'server' })
  refused([client], 'extended-key-usage', { purpose: 'sign' })
  const server = make({ extensions: [...without(['extended']), 'extendedKeyUsage=serverAuth'] })
  refused([server], 'extended-key-usage')
  check([server], { purpose: 'sign' })
  for (const extensions of [
    without(['extended']),
    [...without(['extended']), 'extendedKeyUsage=anyExtendedKeyUsage'],
  ]) {
    const leaf = make({ extensions })
    check([leaf])
    check([leaf], { purpose: 'server' })
    refused([leaf], 'extended-key-usage', { purpose: 'sign' })
  }
})

accepts('lets the extended key usage of a CA bind what it issues', () => {
  const extensions = [...CA, 'extendedKeyUsage=clientAuth']
  const clients = make({ name: 'clients', extensions })
  const leaf = make({ issuer: 'clients' })
  check([leaf, clients])
  refused([leaf, clients], 'extended-key-usage', { purpose: 'sign' })
})

accepts('refuses a leaf whose key usage lacks digitalSignature', () => {
  refused([make({ extensions: ['keyUsage=critical,keyEncipherment'] })], 'key-usage')
  check([make({ extensions: ['basicConstraints=CA:FALSE'] })])
})

accepts('refuses SHA-1, short keys and unusual curves', () => {
  assert.match(refused([make({ digest: 'sha1' })], 'weak-signature').message, 'SHA-1')
  refused([make({ key: 'rsa1024' })], 'weak-key')
  refused([make({ key: 'secp256k1' })], 'weak-key')
  const weak = make({ name: 'weak', extensions: CA, key: 'rsa1024' })
  refused([make({ issuer: 'weak' }), weak], 'weak-key')
})

accepts('refuses unknown critical extensions and name constraints, and ignores unknown others', () => {
  const oid = '1.3.6.1.4.1.55555.1'
  assert.match(
    refused([make({ extensions: [...LEAF, `${oid}=critical,DER:0500`] })], 'critical-extension').message,
    oid,
  )
  check([make({ extensions: [...LEAF, `${oid}=DER:0500`] })])
  check([make({ extensions: [...LEAF, 'certificatePolicies=critical,1.2.3.4'] })])
  const named = make({ name: 'named', extensions: [...CA, 'nameConstraints=permitted;DNS:example.org'] })
  refused([make({ issuer: 'named' }), named], 'name-constraints')
})

accepts('refuses CA certificates and the root itself as identities', () => {
  refused([root], 'ca-as-identity')
  refused([intermediate], 'ca-as-identity')
})

accepts('refuses a certificate without a name', () => {
  refused([make({ subject: '/' })], 'no-name')
})

accepts('takes host names and addresses from subjectAltName alone, without wildcards', () => {
  const leaf = make({ subject: '/O=Example/CN=other.testnet' })
  check([leaf], { purpose: 'sign', host: 'tracker.testnet' })
  check([leaf], { purpose: 'sign', host: 'TRACKER.testnet' })
  check([leaf], { purpose: 'sign', host: '127.0.0.1' })
  const error = refused([leaf], 'wrong-host', { purpose: 'sign', host: 'other.testnet' })
  assert.match(error.message, 'it is not for other.testnet but for DNS:tracker.testnet')
  const starred = make({ extensions: [...LEAF.slice(0, 3), 'subjectAltName=DNS:*.testnet'] })
  refused([starred], 'wrong-host', { host: 'tracker.testnet' })
  const plain = make({ subject: '/CN=plain.testnet', extensions: LEAF.slice(0, 3) })
  refused([plain], 'wrong-host', { host: 'plain.testnet' })
})

accepts('refuses a forged signature of a CA of the same name', () => {
  const forger = new OpensslTree()
  forger.make({ name: 'root', issuer: 'root', extensions: CA })
  const leaf = forger.make({ name: 'leaf', issuer: 'root' })
  const error = refused([leaf], 'bad-signature')
  assert.match(error.message, 'was not signed by the key of that CA')
  refused([leaf, forger.make({ name: 'root', issuer: 'root', extensions: CA })], 'bad-signature')
  forger.remove()
})

accepts('refuses an intermediate of the right name that has not signed', () => {
  const twin = make({ name: 'twin', subject: '/O=Example/CN=intermediate', extensions: CA })
  const error = refused([make({ issuer: 'intermediate' }), twin], 'bad-signature')
  assert.match(error.message, 'was not made by the key of /O=Example/CN=intermediate')
})

accepts('accepts the old key of an authority that its new key has certified', () => {
  const old = make({ name: 'old', subject: '/O=Example/CN=root', extensions: CA })
  check([make({ issuer: 'old' }), old])
})

accepts('refuses self-signed certificates, loops, duplicates and chains that are too long', () => {
  const self = make({ name: 'self', issuer: 'self' })
  assert.match(refused([self], 'not-trusted').message, 'self-signed')
  const leaf = make({ issuer: 'intermediate' })
  refused([leaf, intermediate, leaf], 'duplicate')
  refused([leaf, leaf], 'duplicate')
  refused([], 'chain-length')
  refused(new Array(11).fill(leaf), 'chain-length')
  // Two authorities that have certified each other: never more steps than certificates were sent.
  const a = tree.make({ name: 'loopa', issuer: 'loopa', extensions: CA })
  tree.make({ name: 'loopb', issuer: 'loopb', extensions: CA })
  const aByB = tree.make({ name: 'loopx', subject: '/O=Example/CN=loopa', issuer: 'loopb', extensions: CA })
  const bByA = tree.make({ name: 'loopy', subject: '/O=Example/CN=loopb', issuer: 'loopa', extensions: CA })
  const bound = make({ issuer: 'loopa' })
  refused([bound, a], 'not-trusted')
  refused([bound, a, bByA, aByB], 'not-trusted')
  refused([make({ issuer: 'loopx', subject: '/O=Example/CN=lost' }), aByB, bByA], 'not-trusted')
})

accepts('accepts the old and the new key of an authority that has changed it', () => {
  const renewed = new OpensslTree()
  renewed.make({ name: 'root', issuer: 'root', extensions: CA })
  const both = Trust.fromPem(tree.pem('root') + renewed.pem('root'))
  check([make({})], { trust: both })
  check([renewed.make({ name: 'leaf', issuer: 'root' })], { trust: both })
  renewed.remove()
})

test.run()
