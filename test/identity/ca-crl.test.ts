import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError, ConflictError, InvalidError } from '../../src/core/errors.ts'
import { type CertificateAndKey, createCa, issueCertificate } from '../../src/identity/ca.ts'
import { type CrlInit, issueCrl, parseSerial, serialToRevoke } from '../../src/identity/ca-crl.ts'
import { crlPath, updateCrl } from '../../src/identity/crl-file.ts'
import { countOf, oidOf, readOnly, TAG, timeOf } from '../../src/identity/der.ts'
import { encode, encodeInteger, encodeOid, encodeTime } from '../../src/identity/der-writer.ts'
import { OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('revocation lists of our own CA')
const NOW_MS = Date.UTC(2030, 5, 1)
const DAY_MS = 24 * 3600 * 1000

let ca: CertificateAndKey
let alice: CertificateAndKey
test.before(async () => {
  ca = await createCa({ commonName: 'Exämple CA', organization: 'Exämple' })
  alice = await issueCertificate(ca, { kind: 'user', commonName: 'Alice' })
})

const issue = (init: Partial<CrlInit> = {}) => issueCrl({ ca, revoked: [], nowMs: NOW_MS, ...init })

test('starts empty, numbers its lists and keeps what was revoked', () => {
  const first = issue()
  assert.equal([first.number, first.revoked.size, first.nextUpdateMs], [1n, 0, NOW_MS + 30 * DAY_MS])
  const serial = serialToRevoke(alice.certificatePem, ca)
  const second = issue({
    before: first.der,
    revoked: [serial, '7f', serial],
    reason: 'keyCompromise',
    days: 7,
  })
  assert.equal([second.number, [...second.revoked]], [2n, [serial, '7f']])
  const third = issue({ before: second.der, revoked: ['7f', '01'] })
  assert.equal([third.number, [...third.revoked]], [3n, [serial, '7f', '01']])
})

test('reads serial numbers as openssl prints them', () => {
  assert.equal(['0x', '7F', '80', '00:80', '0A:1b', '0'].slice(1).map(parseSerial), [
    '7f',
    '0080',
    '0080',
    '0a1b',
    '00',
  ])
  for (const text of ['', 'xyz', '-1', 'f'.repeat(41), '../a']) {
    assert.throws(
      () => parseSerial(text),
      (error: unknown) => error instanceof InvalidError,
    )
  }
})

test('revokes no certificate of another CA, and signs with no key of another', async () => {
  const other = await createCa({ commonName: 'Exämple CA', organization: 'Exämple' })
  const refused = (run: () => unknown, pattern: RegExp) =>
    assert.throws(run, (error: unknown) => error instanceof CertificateError && pattern.test(error.message))
  refused(() => serialToRevoke(alice.certificatePem, other), /was not issued by/)
  refused(() => serialToRevoke('nothing', ca), /no certificate/)
  refused(() => issue({ ca: { ...ca, keyPem: other.keyPem } }), /does not belong to the CA/)
  refused(() => issue({ ca: alice }), /is no CA/)
  refused(() => issue({ before: issue({ ca: other }).der }), /not signed by the key/)
  assert.throws(
    () => issue({ days: 0 }),
    (error: unknown) => error instanceof InvalidError,
  )
})

test('replaces the file in one step, for everybody to read', () =>
  withScratch(async (dir) => {
    const path = crlPath(dir)
    const before = process.umask(0o077)
    try {
      await updateCrl(path, { ca, revoked: ['0a'], nowMs: NOW_MS })
    } finally {
      process.umask(before)
    }
    assert.is((await stat(path)).mode & 0o777, 0o644)
    assert.equal([...(await updateCrl(path, { ca, revoked: ['0b'], nowMs: NOW_MS })).revoked], ['0a', '0b'])
    assert.equal(await readdir(dir), ['ca.crl'])
  }))

test('leaves the file alone when it cannot make the next one', () =>
  withScratch(async (dir) => {
    const path = join(dir, 'ca.crl')
    await writeFile(path, 'mine')
    const fails = async (Class: typeof CertificateError | typeof ConflictError) =>
      await updateCrl(path, { ca, revoked: [], nowMs: NOW_MS }).then(
        () => assert.unreachable(),
        (error) => assert.instance(error, Class),
      )
    await fails(CertificateError)
    assert.equal(await readdir(dir), ['ca.crl'])
    await writeFile(`${path}.new`, '')
    await fails(ConflictError)
    assert.is(await readFile(path, 'utf8'), 'mine')
    assert.equal((await readdir(dir)).sort(), ['ca.crl', 'ca.crl.new'])
  }))

test('writes DER that reads back', () => {
  const number = fc.nat()
  fc.assert(
    fc.property(number, (n) => assert.is(countOf(readOnly(encodeInteger(BigInt(n)), TAG.integer)), n)),
  )
  const oid = fc
    .tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 30), { maxLength: 6 }))
    .map(([first, second, more]) => [first, second, ...more].join('.'))
  fc.assert(fc.property(oid, (text) => assert.is(oidOf(readOnly(encodeOid(text), TAG.oid)), text)))
  for (const ms of [Date.UTC(1999, 0, 1), Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1)]) {
    const tag = ms >= Date.UTC(2050, 0, 1) ? TAG.generalizedTime : TAG.utcTime
    assert.is(timeOf(readOnly(encodeTime(ms), tag)), ms)
  }
  for (const length of [0, 127, 128, 255, 256, 65_535, 65_536, 16_777_216]) {
    const content = Buffer.alloc(length)
    assert.is(readOnly(encode(TAG.octetString, content), TAG.octetString).content.length, length)
  }
})

const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))

withOpenssl('openssl reads and verifies the lists, and refuses what they revoke', async () => {
  const tree = new OpensslTree()
  const nowMs = Date.now()
  const serial = serialToRevoke(alice.certificatePem, ca)
  const { pem } = issue({ nowMs, revoked: [serial, '0080'], reason: 'keyCompromise' })
  await writeFile(tree.path('ca.pem'), ca.certificatePem)
  await writeFile(tree.path('ca.crl'), pem)
  await writeFile(tree.path('alice.pem'), alice.certificatePem)
  const files = ['-CAfile', tree.path('ca.pem')]
  const text = tree.run(['crl', '-in', tree.path('ca.crl'), '-noout', '-text', ...files])
  assert.match(text, 'Version 2')
  assert.match(text, /CRL Number: *\n *1\n/)
  assert.match(text, 'Key Compromise')
  assert.match(text, new RegExp(`Serial Number: ${serial}`, 'i'))
  assert.match(text, 'Serial Number: 80')
  const verify = ['verify', ...files, '-CRLfile', tree.path('ca.crl'), '-crl_check']
  assert.throws(() => tree.run([...verify, tree.path('alice.pem')]), /certificate revoked/)
  const bob = await issueCertificate(ca, { kind: 'user', commonName: 'Bob' })
  await writeFile(tree.path('bob.pem'), bob.certificatePem)
  assert.match(tree.run([...verify, tree.path('bob.pem')]), 'OK')
  await writeFile(tree.path('ca.crl'), issue({ nowMs }).pem)
  assert.match(tree.run([...verify, tree.path('alice.pem')]), 'OK')
  tree.remove()
})

withOpenssl('lists of authorities with other keys verify too', async () => {
  const tree = new OpensslTree()
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  for (const key of ['ec', 'p384', 'ed25519'] as const) {
    tree.make({ name: key, issuer: key, key, extensions })
    const keyPem = tree.run(['pkey', '-in', tree.key(key)])
    const { pem } = issue({
      ca: { certificatePem: tree.pem(key), keyPem },
      nowMs: Date.now(),
      revoked: ['0a'],
    })
    await writeFile(tree.path('x.crl'), pem)
    const arguments_ = ['crl', '-in', tree.path('x.crl'), '-noout', '-CAfile', tree.certificate(key)]
    tree.run(arguments_)
  }
  const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  tree.make({ name: 'pss', issuer: 'pss', key: 'rsa-pss', extensions })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  assert.throws(() => issue({ ca: { certificatePem: tree.pem('pss'), keyPem } }), /does not belong/)
  const own = tree.run(['pkey', '-in', tree.key('pss')])
  assert.throws(() => issue({ ca: { certificatePem: tree.pem('pss'), keyPem: own } }), /this kind of key/)
  tree.remove()
})

test.run()
