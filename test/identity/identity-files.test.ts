import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { type CertificateAndKey, createCa, issueCertificate } from '../../src/identity/ca.ts'
import { loadIdentity } from '../../src/identity/identity-files.ts'
import { Trust } from '../../src/identity/trust.ts'
import { makeProxy, proxyFileText } from '../fixtures/make-proxy.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { Site } from '../fixtures/site.ts'

const test = suite('identity files')
let dir: string
let ca: CertificateAndKey
let tracker: CertificateAndKey
let files: { certificate: string; key: string; ca: string }

test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bootswarm-identity-'))
  ca = await createCa({ commonName: 'Example CA' })
  tracker = await issueCertificate(ca, { kind: 'tracker', commonName: 'tracker.testnet' })
})
test.after(() => rm(dir, { recursive: true, force: true }))

test.before.each(async () => {
  files = { certificate: join(dir, 'x.pem'), key: join(dir, 'x.key'), ca: join(dir, 'ca.pem') }
  await writeFile(files.ca, ca.certificatePem)
  await writeFile(files.certificate, tracker.certificatePem)
  await writeFile(files.key, tracker.keyPem)
  await chmod(files.key, 0o600)
})

async function refused(
  pattern: RegExp,
  init: Partial<Parameters<typeof loadIdentity>[0]> = {},
): Promise<void> {
  await loadIdentity({ ...files, ...init }).then(
    () => assert.unreachable('accepted'),
    (error) => {
      assert.instance(error, CertificateError, String(error))
      assert.match(error.message, pattern)
    },
  )
}

test('reads certificate, key and authorities', async () => {
  const identity = await loadIdentity({ ...files, purpose: 'sign', host: 'tracker.testnet' })
  assert.is(identity.principal.dn, '/OU=trackers/CN=tracker.testnet')
  assert.is(identity.certificatePem, tracker.certificatePem)
  assert.is(identity.keyPem, tracker.keyPem)
  assert.is(identity.trust.pem, ca.certificatePem)
  assert.is(identity.chain.length, 1)
})

test('reads a proxy file, in which certificate, key and chain are', async () => {
  const site = new Site(ca)
  const alice = await site.issue({ kind: 'user', commonName: 'Alice' })
  for (const legacy of [false, true]) {
    const proxy = await makeProxy(await makeProxy(alice, { legacy }), { legacy, limited: true })
    const path = join(dir, 'x509up')
    await writeFile(path, proxyFileText(proxy), { mode: 0o600 })
    const identity = await loadIdentity({ certificate: path, key: path, ca: files.ca, purpose: 'client' })
    assert.is(identity.certificatePem, proxy.certificatePem)
    assert.is(identity.principal.dn, '/OU=users/CN=Alice')
    assert.equal([identity.principal.proxyDepth, identity.principal.limited], [2, true])
    await refused(/make a new proxy/, { certificate: path, key: path, nowMs: Date.now() + 86_400_000 })
    await chmod(path, 0o640)
    await refused(/key file .*x509up is open to .*type: chmod 600 /, { certificate: path, key: path })
    await chmod(path, 0o600)
  }
})

test('refuses a key that group or others may read, with the line to type', async () => {
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o622]) {
    await chmod(files.key, mode)
    await refused(new RegExp(`mode 0${mode.toString(8)}\\); type: chmod 600 ${files.key}$`))
  }
})

test('says which file is missing or holds something else', async () => {
  await refused(/certificate file .*nowhere does not exist/, { certificate: join(dir, 'nowhere') })
  await refused(/key file .*nowhere does not exist/, { key: join(dir, 'nowhere') })
  await refused(/CA file .*nowhere does not exist/, { ca: join(dir, 'nowhere') })
  await refused(/is not a file/, { certificate: dir })
  await refused(/holds no certificate/, { certificate: files.key })
  await writeFile(files.key, tracker.certificatePem)
  await refused(/holds no private key/)
})

test('refuses a key of another certificate and an encrypted one', async () => {
  await writeFile(files.key, ca.keyPem)
  await refused(/does not belong to the certificate/)
  await writeFile(
    files.key,
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
  )
  await refused(/is encrypted.*openssl pkey/)
})

test('refuses a certificate that has expired, is not yet valid, or is for something else', async () => {
  await refused(/expired at/, { nowMs: Date.now() + 366 * 86_400_000 })
  await refused(/not valid before/, { nowMs: Date.now() - 3_600_000 })
  await refused(/not for other.testnet/, { host: 'other.testnet' })
  const other = await createCa({ commonName: 'Example CA' })
  await writeFile(files.ca, other.certificatePem)
  await refused(/not signed by the key of that CA/)
})

test('refuses a CA file without a root, or with a certificate that is no CA', async () => {
  await writeFile(files.ca, 'nothing')
  await refused(/CA file .*ca.pem: there is no self-signed authority/)
  await writeFile(files.ca, ca.certificatePem + tracker.certificatePem)
  await refused(/only CA certificates belong in the CA file/)
  assert.throws(
    () => Trust.fromPem('-----BEGIN CERTIFICATE-----\n'),
    (e: unknown) => e instanceof CertificateError,
  )
})

const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))

withOpenssl('completes and orders the chain from the same file, without the root', async () => {
  const tree = new OpensslTree()
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  tree.make({ name: 'middle', issuer: 'root', extensions: CA })
  tree.make({ name: 'lower', issuer: 'middle', extensions: CA })
  tree.make({ name: 'leaf', issuer: 'lower' })
  await writeFile(tree.path('all.pem'), tree.pem('root', 'middle', 'leaf', 'lower'))
  const paths = { certificate: tree.path('all.pem'), key: tree.key('leaf'), ca: tree.certificate('root') }
  const identity = await loadIdentity(paths)
  assert.is(
    identity.certificatePem,
    tree.pem('leaf', 'lower', 'middle').replace(/^(?!-----|[\w+/=]+$).*\n/gm, ''),
  )
  assert.is(identity.principal.commonName, 'leaf')
  assert.match(await readFile(paths.key, 'utf8'), 'PRIVATE KEY')
  tree.remove()
})

test.run()
