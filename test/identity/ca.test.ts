import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError, InvalidError } from '../../src/core/errors.ts'
import {
  type CertificateAndKey,
  type CertificateInit,
  createCa,
  issueCertificate,
} from '../../src/identity/ca.ts'
import { validatePath } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'

const test = suite('ca')
const tree = new OpensslTree()
test.after(() => tree.remove())

let ca: CertificateAndKey
test.before(async () => {
  ca = await createCa({ commonName: 'Exämple CA', organization: 'Exämple' })
})

const DAY_MS = 24 * 3600 * 1000

async function rejects(
  promise: Promise<unknown>,
  Class: typeof InvalidError | typeof CertificateError,
): Promise<void> {
  await promise.then(
    () => assert.unreachable('accepted'),
    (error) => assert.instance(error, Class),
  )
}

test('issues what its own rules accept, for each kind', async () => {
  const trust = Trust.fromPem(ca.certificatePem)
  for (const kind of ['tracker', 'node', 'user'] as const) {
    const { certificatePem, keyPem } = await issueCertificate(ca, { kind, commonName: `${kind}-1` })
    const leaf = new X509Certificate(certificatePem)
    const check = (purpose: 'client' | 'sign') => validatePath([leaf], { trust, nowMs: Date.now(), purpose })
    assert.is(check('client').dn, `/O=Exämple/OU=${kind}s/CN=${kind}-1`)
    if (kind === 'tracker') check('sign')
    else assert.throws(() => check('sign'), /lacks serverAuth/)
    assert.match(keyPem, 'BEGIN PRIVATE KEY')
  }
})

test('gives every certificate its own positive serial number of 128 bits', async () => {
  const [one, other] = await Promise.all(
    ['a', 'b'].map((commonName) => issueCertificate(ca, { kind: 'user', commonName })),
  )
  const serials = [one, other].map((pair) => new X509Certificate(pair?.certificatePem ?? '').serialNumber)
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/)
  assert.is.not(serials[0], serials[1])
})

test('begins five minutes ago and never outlives its authority', async () => {
  const brief = await createCa({ commonName: 'Brief', days: 2 })
  const { certificatePem } = await issueCertificate(brief, { kind: 'node', commonName: 'node-1' })
  const [leaf, authority] = [certificatePem, brief.certificatePem].map((pem) => new X509Certificate(pem))
  assert.is(leaf?.validTo, authority?.validTo)
  const age = Date.now() - Date.parse(leaf?.validFrom ?? '')
  assert.ok(age >= 5 * 60_000 - 1000 && age < 10 * 60_000)
  const day = await issueCertificate(ca, { kind: 'node', commonName: 'node-1', days: 1 })
  const end = Date.parse(new X509Certificate(day.certificatePem).validTo)
  assert.ok(Math.abs(end - Date.now() - DAY_MS) < 60_000)
})

test('puts names and addresses into subjectAltName, the name of a tracker among them', async () => {
  const namesOf = async (init: CertificateInit) =>
    new X509Certificate((await issueCertificate(ca, init)).certificatePem).subjectAltName
  const tracker = { kind: 'tracker', commonName: 'tracker.testnet' } as const
  assert.is(await namesOf(tracker), 'DNS:tracker.testnet')
  assert.is(
    await namesOf({
      ...tracker,
      dnsNames: ['Other.testnet', 'tracker.testnet'],
      ipAddresses: ['127.0.0.1', '::1'],
    }),
    'DNS:other.testnet, DNS:tracker.testnet, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  assert.is(await namesOf({ kind: 'tracker', commonName: '192.0.2.7' }), 'IP Address:192.0.2.7')
  assert.is(await namesOf({ kind: 'tracker', commonName: 'Main one', dnsNames: ['a.b'] }), 'DNS:a.b')
  assert.is(await namesOf({ kind: 'node', commonName: 'node-1' }), undefined)
})

test('refuses names, addresses and days that are none', async () => {
  const issue = (init: Partial<CertificateInit>) =>
    issueCertificate(ca, { kind: 'tracker', commonName: 'tracker.testnet', ...init })
  for (const commonName of ['', ' a', 'a\n', 'x'.repeat(65), 'a\u202eb'])
    await rejects(issue({ commonName }), InvalidError)
  for (const dns of ['*.testnet', 'a b', '', 'a..b', '127.0.0.1', 'x'.repeat(254)]) {
    await rejects(issue({ dnsNames: [dns] }), InvalidError)
  }
  for (const ip of ['256.0.0.1', 'host', '', 'fe80::1%eth0'])
    await rejects(issue({ ipAddresses: [ip] }), InvalidError)
  for (const days of [0, -1, 1.5, Number.NaN, 1e6]) await rejects(issue({ days }), InvalidError)
  await rejects(issue({ commonName: 'Main one' }), InvalidError)
  await rejects(createCa({ commonName: '' }), InvalidError)
})

test('refuses to issue with a key of another CA, or with a certificate that is no CA', async () => {
  const other = await createCa({ commonName: 'Other' })
  const init = { kind: 'node', commonName: 'node-1' } as const
  await rejects(issueCertificate({ ...ca, keyPem: other.keyPem }, init), CertificateError)
  await rejects(issueCertificate(await issueCertificate(ca, init), init), CertificateError)
})

const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))

withOpenssl('makes certificates that openssl verifies and describes as intended', async () => {
  const init = { kind: 'tracker', commonName: 'tracker.testnet', ipAddresses: ['127.0.0.1'] } as const
  const { certificatePem } = await issueCertificate(ca, init)
  writeFileSync(tree.path('ca.pem'), ca.certificatePem)
  writeFileSync(tree.path('tracker.pem'), certificatePem)
  const verify = ['verify', '-x509_strict', '-CAfile', tree.path('ca.pem')]
  for (const purpose of ['sslserver', 'sslclient']) {
    assert.match(tree.run([...verify, '-purpose', purpose, tree.path('tracker.pem')]), ': OK')
  }
  tree.run([...verify, '-verify_hostname', 'tracker.testnet', tree.path('tracker.pem')])
  tree.run([...verify, '-verify_ip', '127.0.0.1', tree.path('tracker.pem')])
  const text = tree.run(['x509', '-in', tree.path('tracker.pem'), '-noout', '-text'])
  for (const line of [
    /Version: 3/,
    /Signature Algorithm: sha256WithRSAEncryption/,
    /Public-Key: \(2048 bit\)/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /Key Usage: critical\s+Digital Signature\n/,
    /Extended Key Usage: \s+TLS Web Client Authentication, TLS Web Server Authentication\n/,
    /Subject Key Identifier/,
    /Authority Key Identifier/,
    /DNS:tracker.testnet, IP Address:127.0.0.1/,
  ]) {
    assert.match(text, line)
  }
  const authority = tree.run(['x509', '-in', tree.path('ca.pem'), '-noout', '-text'])
  assert.match(authority, /Public-Key: \(3072 bit\)/)
  assert.match(authority, /Basic Constraints: critical\s+CA:TRUE, pathlen:1/)
  assert.match(authority, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
})

withOpenssl('issues below an intermediate of openssl, with its chain behind the leaf', async () => {
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  tree.make({
    name: 'middle',
    issuer: 'root',
    extensions: [...CA, 'subjectKeyIdentifier=hash'],
    key: 'rsa2048',
  })
  const issuer = {
    certificatePem: tree.pem('middle', 'root'),
    keyPem: tree.run(['pkey', '-in', tree.key('middle')]),
  }
  const { certificatePem } = await issueCertificate(issuer, { kind: 'node', commonName: 'node-1' })
  assert.is(certificatePem.split('BEGIN CERTIFICATE').length - 1, 2)
  writeFileSync(tree.path('node.pem'), certificatePem)
  const args = [
    '-CAfile',
    tree.certificate('root'),
    '-untrusted',
    tree.path('node.pem'),
    tree.path('node.pem'),
  ]
  assert.match(tree.run(['verify', '-x509_strict', ...args]), ': OK')
})

withOpenssl('says that it cannot issue with the key of an elliptic CA', async () => {
  tree.make({ name: 'elliptic', issuer: 'elliptic', extensions: CA })
  const keyPem = tree.run(['pkey', '-in', tree.key('elliptic')])
  const issuer = { certificatePem: tree.pem('elliptic'), keyPem }
  await rejects(issueCertificate(issuer, { kind: 'node', commonName: 'node-1' }), CertificateError)
})

test.run()
