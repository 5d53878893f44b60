import type { X509Certificate } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { TRUST_FILES_MAX } from '../../src/core/limits.ts'
import { validatePath } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import { remembered } from '../../src/identity/validated-chains.ts'
import { CaDirectory, policyText } from '../fixtures/ca-directory.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { makeCrl } from '../fixtures/openssl-crl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'

const test = suite('trust')
const lack = missingPrograms('openssl')
const proven = testsThatNeed(test, lack)

const tree = new OpensslTree()
test.after(() => tree.remove())

let alice: X509Certificate
let carol: X509Certificate
let middle: X509Certificate
let foreign: X509Certificate

test.before(() => {
  if (lack !== undefined) return
  tree.make({ name: 'root', issuer: 'root', extensions: CA, subject: '/C=DE/O=Example  Org/CN=Root  CA' })
  middle = tree.make({ name: 'middle', issuer: 'root', extensions: CA })
  tree.make({ name: 'other', issuer: 'other', extensions: CA })
  alice = tree.make({ name: 'alice', issuer: 'root' })
  carol = tree.make({ name: 'carol', issuer: 'middle' })
  foreign = tree.make({ name: 'foreign', issuer: 'other' })
})

let count = 0
function directory(...names: string[]): CaDirectory {
  const made = new CaDirectory(tree, `certificates${++count}`)
  for (const name of names) made.add(name)
  return made
}

const check = (trust: Trust, ...chain: X509Certificate[]) =>
  validatePath(chain, { trust, nowMs: Date.now(), purpose: 'client' }).commonName

function refused(trust: Trust, chain: readonly X509Certificate[], reason: string): CertificateError {
  try {
    check(trust, ...chain)
  } catch (error) {
    assert.instance(error, CertificateError)
    assert.is((error as CertificateError).data['reason'], reason, (error as CertificateError).message)
    return error as CertificateError
  }
  return assert.unreachable(`accepted, not refused as ${reason}`) as never
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, CertificateError, String(error))
    return (error as Error).message
  }
  return assert.unreachable('loaded') as never
}

proven('reads the authorities of a directory, each once', async () => {
  const { dir } = directory('root', 'middle', 'other')
  const trust = await Trust.load(dir)
  assert.equal(
    [check(trust, alice), check(trust, carol), check(trust, foreign)],
    ['alice', 'carol', 'foreign'],
  )
  assert.is(trust.pem.match(/BEGIN/g)?.length, 3)
  assert.equal(trust.problems, [])
})

proven('knows links with either hash of openssl alone, and ignores what does not belong there', async () => {
  for (const which of [0, 1]) {
    const made = new CaDirectory(tree, `hash${which}`)
    copyFileSync(tree.certificate('root'), join(made.dir, `${made.hashes('root')[which]}.0`))
    writeFileSync(join(made.dir, 'root.info'), 'alias = root')
    writeFileSync(join(made.dir, 'other'), tree.pem('other'))
    symlinkSync('nowhere', join(made.dir, '0a0a0a0a.0'))
    const trust = await Trust.load(made.dir)
    check(trust, alice)
    refused(trust, [foreign], 'not-trusted')
  }
})

proven('leaves out a bad certificate of a directory, and says so', async () => {
  const made = directory('root')
  writeFileSync(
    join(made.dir, '0a0a0a0a.0'),
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  )
  copyFileSync(tree.certificate('alice'), join(made.dir, 'alice.pem'))
  const trust = await Trust.load(made.dir)
  check(trust, alice)
  assert.is(trust.problems.length, 2)
  assert.match(
    trust.problems.join('\n'),
    /0a0a0a0a.0 is left out: not a certificate\n.*alice.pem is left out: .* no authority/,
  )
})

proven('refuses a directory without an anchor, and one that is not there', async () => {
  assert.match(await failure(Trust.load(directory('middle').dir)), 'no self-signed authority')
  assert.match(await failure(Trust.load(directory().dir)), 'no self-signed authority')
  assert.match(await failure(Trust.load(tree.path('nowhere'))), 'nowhere does not exist')
  assert.match(await failure(Trust.load(join(tree.certificate('root'), 'x'))), 'does not exist')
})

proven('refuses a directory with more files than any has', async () => {
  const { dir } = directory('root')
  for (let i = 0; i <= TRUST_FILES_MAX; i++) symlinkSync('root.pem', join(dir, `l${i}.pem`))
  assert.match(await failure(Trust.load(dir)), `more than ${TRUST_FILES_MAX} files`)
})

proven('enforces the revocation lists of a directory', async () => {
  const made = directory('root', 'middle')
  made.addCrl('root', makeCrl(tree, { name: 'a', issuer: 'root', revoked: [alice] }))
  copyFileSync(makeCrl(tree, { name: 'b', issuer: 'middle', revoked: [carol] }), join(made.dir, 'middle.crl'))
  const trust = await Trust.load(made.dir)
  refused(trust, [alice], 'revoked')
  refused(trust, [carol], 'revoked')
})

proven('a list that cannot be read stops its own authority and no other', async () => {
  const made = directory('root', 'other')
  writeFileSync(join(made.dir, `${made.hash('root')}.r0`), '')
  const trust = await Trust.load(made.dir)
  assert.match(refused(trust, [alice], 'crl-invalid').message, 'there is no revocation list in it')
  check(trust, foreign)
  assert.match(trust.problems.join(), 'nothing of its authority counts until it is mended')
  writeFileSync(join(made.dir, '0a0a0a0a.r0'), '')
  check(await Trust.load(made.dir), foreign)
  writeFileSync(join(made.dir, 'unknown.crl'), '')
  assert.match(await failure(Trust.load(made.dir)), 'unknown.crl')
})

const ROOT = '/C=DE/O=Example  Org/CN=Root  CA'

proven('enforces signing policies at every level', async () => {
  const made = directory('root', 'middle')
  made.addPolicy('root', policyText(ROOT, '/O=Example/CN=a*', '/O=Example/CN=middle'))
  made.addPolicy('middle', policyText('/O=Example/CN=middle', '/O=Example/CN=c*'))
  const trust = await Trust.load(made.dir)
  check(trust, alice)
  check(trust, carol)
  const bob = tree.make({ name: 'bob', issuer: 'root' })
  const error = refused(trust, [bob], 'signing-policy')
  assert.match(
    error.message,
    /certificate .*CN=bob: the signing policy .* does not let .*Root {2}CA sign this name/,
  )
  refused(trust, [tree.make({ name: 'anna', issuer: 'middle' })], 'signing-policy')
  made.addPolicy('root', policyText(ROOT, '/O=Example/CN=a*'))
  assert.is(refused(await Trust.load(made.dir), [carol], 'signing-policy').data['dn'], '/O=Example/CN=middle')
})

proven('does not hold the names of proxies against signing policies', async () => {
  const made = directory('root')
  made.addPolicy('root', policyText(ROOT, '/O=Example/CN=alice'))
  const extensions = ['proxyCertInfo=critical,language:id-ppl-inheritAll']
  const proxy = tree.make({ name: 'proxy', subject: '/O=Example/CN=alice/CN=1', issuer: 'alice', extensions })
  check(await Trust.load(made.dir), proxy, alice)
})

proven('wants a policy for every authority where there are any', async () => {
  const made = directory('root', 'other')
  made.addPolicy('root', policyText(ROOT, '*'))
  const trust = await Trust.load(made.dir)
  check(trust, alice)
  assert.match(
    refused(trust, [foreign], 'signing-policy').message,
    'no signing policy says what /O=Example/CN=other',
  )
  refused(trust, [carol, middle], 'signing-policy')
})

proven('all policies that speak of an authority must agree, and a bad one stops it', async () => {
  const made = directory('root', 'other')
  made.addPolicy('other', policyText('/O=Example/CN=other', '*'))
  made.addPolicy('root', policyText(ROOT, '/O=Example/CN=*'))
  writeFileSync(join(made.dir, 'root.signing_policy'), policyText(ROOT, '/O=Example/CN=b*'))
  refused(await Trust.load(made.dir), [alice], 'signing-policy')
  writeFileSync(join(made.dir, 'root.signing_policy'), 'neg_rights globus CA:sign')
  const trust = await Trust.load(made.dir)
  assert.match(refused(trust, [alice], 'signing-policy').message, 'root.signing_policy, line 1')
  check(trust, foreign)
})

proven('sees a change of the files, in place', async () => {
  const made = directory('root')
  const trust = await Trust.load({ ca: made.dir, crl: undefined })
  check(trust, alice)
  assert.is(await trust.refresh(), false)
  assert.is(trust.generation, 0)
  const list = makeCrl(tree, { name: 'r', issuer: 'root', revoked: [alice] })
  const at = made.addCrl('root', list)
  assert.is(await trust.refresh(), true)
  assert.is(trust.generation, 1)
  refused(trust, [alice], 'revoked')
  assert.is(await trust.refresh(), false)
  copyFileSync(makeCrl(tree, { name: 's', issuer: 'root' }), `${at}.new`)
  renameSync(`${at}.new`, at)
  assert.is(await trust.refresh(), true)
  check(trust, alice)
  made.remove(`${made.hash('root')}.r0`)
  made.add('other')
  assert.is(await trust.refresh(), true)
  check(trust, foreign)
  assert.is(await trust.refresh({ evenIfUnchanged: true }), true)
})

proven('forgets with every change which chains were good', async () => {
  const made = directory('root')
  const trust = await Trust.load(made.dir)
  let runs = 0
  const HOLDS = { fromMs: 0, listsUntilMs: 1, principal: { notAfterMs: 1 } }
  const ask = () => remembered({ trust, nowMs: 0, key: 'a' }, () => ({ ...HOLDS, run: ++runs })).run
  assert.equal([ask(), ask()], [1, 1])
  made.add('other')
  await trust.refresh()
  assert.equal([ask(), ask()], [2, 2])
})

proven('keeps what it had when the files are no longer good', async () => {
  const path = tree.path('site-ca.pem')
  copyFileSync(tree.certificate('root'), path)
  const trust = await Trust.load(path)
  for (const bad of ['', readFileSync(tree.certificate('alice'), 'utf8'), '-----BEGIN CERTIFICATE-----\n']) {
    writeFileSync(path, bad)
    await failure(trust.refresh())
    assert.is(trust.generation, 0)
    check(trust, alice)
  }
  rmSync(path)
  await failure(trust.refresh())
  mkdirSync(path)
  await failure(trust.refresh())
  rmSync(path, { recursive: true })
  copyFileSync(tree.certificate('other'), path)
  assert.is(await trust.refresh(), true)
  refused(trust, [alice], 'not-trusted')
})

proven('does not refresh what came from no file', async () => {
  const trust = Trust.fromPem(tree.pem('root'))
  assert.is(await trust.refresh({ evenIfUnchanged: true }), false)
})

test.run()
