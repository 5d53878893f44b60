import type { X509Certificate } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { CRL_BYTES_MAX } from '../../src/core/limits.ts'
import { parseCertificate } from '../../src/identity/certificate.ts'
import { type Principal, validatePath } from '../../src/identity/path-validation.ts'
import { RevocationList } from '../../src/identity/revocation-list.ts'
import { Trust } from '../../src/identity/trust.ts'
import type { TrustSource } from '../../src/identity/trust-files.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { type CrlPlan, derOf, makeCrl } from '../fixtures/openssl-crl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { rfcInfo } from '../fixtures/proxy-extensions.ts'

const test = suite('revocation')
const lack = missingPrograms('openssl')
const proven = testsThatNeed(test, lack)

const DAY_MS = 24 * 3600 * 1000
const tree = new OpensslTree()
test.after(() => tree.remove())

let alice: X509Certificate
let bob: X509Certificate
let middle: X509Certificate

test.before(() => {
  if (lack !== undefined) return
  tree.make({ name: 'root', issuer: 'root', extensions: CA, key: 'rsa2048' })
  middle = tree.make({ name: 'middle', issuer: 'root', extensions: CA })
  alice = tree.make({ name: 'alice', issuer: 'root' })
  bob = tree.make({ name: 'bob', issuer: 'root' })
})

let count = 0
function crl(plan: Partial<CrlPlan> = {}): string {
  return makeCrl(tree, { name: `crl${++count}`, issuer: 'root', ...plan })
}

interface Check {
  days?: number
  source?: Partial<TrustSource>
  atDays?: number
}

async function check(
  chain: readonly X509Certificate[],
  crlPath: string | undefined,
  { days = 0, source = {}, atDays }: Check = {},
): Promise<Principal> {
  const trust = await Trust.load({ ca: tree.certificate('root'), crl: crlPath, ...source })
  const nowMs = Date.now() + days * DAY_MS
  const atMs = atDays === undefined ? undefined : Date.now() + atDays * DAY_MS
  return validatePath(chain, { trust, nowMs, atMs, purpose: 'client' })
}

async function refused(
  chain: readonly X509Certificate[],
  crlPath: string | undefined,
  { reason, ...options }: Check & { reason: string },
): Promise<CertificateError> {
  try {
    await check(chain, crlPath, options)
  } catch (error) {
    assert.instance(error, CertificateError, String(error))
    assert.is((error as CertificateError).data['reason'], reason, (error as CertificateError).message)
    return error as CertificateError
  }
  return assert.unreachable(`accepted, not refused as ${reason}`) as never
}

proven('a revoked certificate is refused, and others are not', async () => {
  const path = crl({ revoked: [alice] })
  const error = await refused([alice], path, { reason: 'revoked' })
  assert.match(error.message, 'certificate /O=Example/CN=alice: /O=Example/CN=root has revoked it')
  assert.is((await check([bob], path)).commonName, 'bob')
  assert.is((await check([alice], undefined)).commonName, 'alice')
})

proven('lists are read as DER, and several from one PEM file', async () => {
  writeFileSync(tree.path('alice.der'), derOf(crl({ revoked: [alice] })))
  await refused([alice], tree.path('alice.der'), { reason: 'revoked' })
  const ofMiddle = crl({ issuer: 'middle' })
  const both = tree.path('both.crl')
  writeFileSync(both, readFileSync(ofMiddle, 'utf8') + readFileSync(crl({ revoked: [alice, bob] }), 'utf8'))
  await refused([bob], both, { reason: 'revoked' })
  const dir = tree.path('lists')
  mkdirSync(dir)
  copyFileSync(both, `${dir}/0a0a0a0a.r3`)
  writeFileSync(`${dir}/README`, 'not read')
  await refused([bob], dir, { reason: 'revoked' })
})

proven('the proxies of a revoked person are refused', async () => {
  const proxy = tree.make({
    name: 'proxy',
    subject: '/O=Example/CN=alice/CN=1',
    issuer: 'alice',
    extensions: [rfcInfo()],
  })
  assert.is((await check([proxy, alice], crl())).proxyDepth, 1)
  await refused([proxy, alice], crl({ revoked: [alice] }), { reason: 'revoked' })
})

proven('an authority that was revoked has issued nothing', async () => {
  const carol = tree.make({ name: 'carol', issuer: 'middle' })
  assert.is((await check([carol, middle], crl())).commonName, 'carol')
  const error = await refused([carol, middle], crl({ revoked: [middle] }), { reason: 'revoked' })
  assert.is(error.data['dn'], '/O=Example/CN=middle')
  await refused([carol, middle], crl({ issuer: 'middle', revoked: [carol] }), { reason: 'revoked' })
  await check([carol, middle], crl({ revoked: [alice] }))
})

proven('an expired list stops everything of its authority, revoked things by name', async () => {
  const path = crl({ revoked: [alice], toDays: 1 })
  await check([bob], path, { days: 0.99 })
  const error = await refused([bob], path, { reason: 'crl-expired', days: 1.01 })
  assert.match(
    error.message,
    new RegExp(`revocation list ${path} of /O=Example/CN=root ended at 20.*Z; .*fetch it$`),
  )
  await refused([alice], path, { reason: 'revoked', days: 1.01 })
})

proven('a list from the future means that a clock is wrong', async () => {
  const error = await refused([bob], crl({ fromDays: 1 }), { reason: 'crl-invalid' })
  assert.match(error.message, 'check the clock')
})

proven('what was valid at another time must still not be revoked', async () => {
  const short = tree.make({ name: 'short', issuer: 'root', days: 2 })
  assert.is((await check([short], crl(), { days: 3, atDays: 1 })).commonName, 'short')
  await refused([short], crl({ revoked: [short] }), { reason: 'revoked', days: 3, atDays: 1 })
  await refused([short], crl(), { reason: 'crl-expired', days: 9, atDays: 1 })
})

proven('of several lists the newest counts that the authority has signed', async () => {
  const dir = tree.path('newest')
  mkdirSync(dir)
  copyFileSync(crl({ revoked: [alice], fromDays: -3, toDays: -2 }), `${dir}/a.crl`)
  copyFileSync(crl({ revoked: [bob], fromDays: -1 }), `${dir}/b.crl`)
  const forger = new OpensslTree()
  forger.make({ name: 'root', issuer: 'root', extensions: CA })
  copyFileSync(makeCrl(forger, { name: 'forged', issuer: 'root', fromDays: 0 }), `${dir}/c.crl`)
  await refused([bob], dir, { reason: 'revoked' })
  await check([alice], dir)
  forger.remove()
})

proven('without a list an authority counts, unless the site wants one', async () => {
  await check([alice], undefined)
  const error = await refused([alice], undefined, { reason: 'crl-missing', source: { crlRequired: true } })
  assert.match(error.message, 'no revocation list of /O=Example/CN=root')
  await check([alice], crl(), { source: { crlRequired: true } })
  const carol = tree.make({ name: 'carol2', issuer: 'middle' })
  await refused([carol, middle], crl(), { reason: 'crl-missing', source: { crlRequired: true } })
})

proven('a list that another key has signed stops everything of the authority', async () => {
  const forger = new OpensslTree()
  forger.make({ name: 'root', issuer: 'root', extensions: CA })
  const error = await refused([bob], makeCrl(forger, { name: 'forged', issuer: 'root' }), {
    reason: 'crl-invalid',
  })
  assert.match(error.message, 'was not signed by the key of /O=Example/CN=root that is here')
  forger.remove()
})

proven('lists are not taken from authorities without cRLSign, nor with SHA-1', async () => {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
  tree.make({ name: 'mute', issuer: 'mute', extensions })
  const dave = tree.make({ name: 'dave', issuer: 'mute' })
  const source = { ca: tree.certificate('mute') }
  const error = await refused([dave], crl({ issuer: 'mute' }), { reason: 'crl-invalid', source })
  assert.match(error.message, 'cRLSign')
  assert.match(
    (await refused([bob], crl({ digest: 'sha1' }), { reason: 'crl-invalid' })).message,
    'not accepted',
  )
})

for (const key of ['ec', 'p384', 'ed25519', 'rsa-pss'] as const) {
  proven(`reads lists that a key of the kind ${key} has signed`, async () => {
    tree.make({ name: `ca-${key}`, issuer: `ca-${key}`, extensions: CA, key })
    const [one, two] = [
      tree.make({ name: `1${key}`, issuer: `ca-${key}` }),
      tree.make({ name: `2${key}`, issuer: `ca-${key}` }),
    ]
    const source = { ca: tree.certificate(`ca-${key}`) }
    const path = crl({
      issuer: `ca-${key}`,
      revoked: [one],
      ...(key === 'ed25519' ? { digest: 'null' } : {}),
    })
    await refused([one], path, { reason: 'revoked', source })
    await check([two], path, { source })
  })
}

proven('delta lists, partial lists and unknown critical extensions make a list unusable', async () => {
  const of = async (...extensions: string[]) =>
    (await refused([bob], crl({ extensions }), { reason: 'crl-invalid' })).message
  assert.match(await of('2.5.29.27=critical,DER:020101'), 'delta list')
  assert.match(await of('2.5.29.28=critical,DER:30038101ff'), 'partial list')
  assert.match(await of('1.3.6.1.4.1.55555.1=critical,DER:0500'), 'critical extension 1.3.6.1.4.1.55555.1')
  await check([bob], crl({ extensions: ['1.3.6.1.4.1.55555.1=DER:0500'] }))
  await refused([alice], crl({ revoked: [alice], reason: 'keyCompromise' }), { reason: 'revoked' })
})

proven('a list that is none stops the site, since nobody knows what it would revoke', async () => {
  writeFileSync(tree.path('none.crl'), 'nothing')
  await Trust.load({ ca: tree.certificate('root'), crl: tree.path('none.crl') }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /revocation list .*none.crl: there is no revocation list in it/),
  )
  await Trust.load({ ca: tree.certificate('root'), crl: tree.path('gone.crl') }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /gone.crl does not exist/),
  )
})

proven('a list of more than 16 MiB is not read', async () => {
  assert.is(judge(Buffer.alloc(CRL_BYTES_MAX + 1, 0x30), alice), undefined)
  writeFileSync(tree.path('huge.crl'), Buffer.alloc(1.5 * CRL_BYTES_MAX, 0x30))
  await Trust.load({ ca: tree.certificate('root'), crl: tree.path('huge.crl') }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /huge.crl is larger than/),
  )
})

proven('the next updates of lists are to be seen', async () => {
  const trust = await Trust.load({ ca: tree.certificate('root'), crl: crl({ toDays: 2 }) })
  const [list, ...others] = trust.lists
  assert.is(others.length, 0)
  assert.is(list?.issuer, '/O=Example/CN=root')
  assert.ok(Math.abs((list?.nextUpdateMs ?? 0) - Date.now() - 2 * DAY_MS) < 60_000)
})

/** Parses and opens; only CertificateError may come out. */
function judge(der: Uint8Array, issuer: X509Certificate): ReadonlySet<string> | undefined {
  const started = process.cpuUsage()
  try {
    return RevocationList.parse(der, 'x').revokedBy(parseCertificate(issuer))
  } catch (error) {
    assert.instance(error, CertificateError)
    return undefined
  } finally {
    assert.ok(process.cpuUsage(started).user < 1_000_000)
  }
}

proven('no change of an octet goes unnoticed, and garbage gives no other error', () => {
  const der = derOf(crl({ revoked: [alice], reason: 'superseded' }))
  const root = Trust.fromPem(tree.pem('root')).anchorsFor(parseCertificate(alice))[0]?.x509 as X509Certificate
  const serial = parseCertificate(alice).serial
  assert.equal(judge(der, root), new Set([serial]))
  const change = fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(change, ([at, by]) => {
      const copy = Uint8Array.from(der)
      copy[at] = (copy[at] ?? 0) ^ by
      const found = judge(copy, root)
      assert.ok(found === undefined || found.has(serial))
    }),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.nat(der.length), (end) => void judge(der.subarray(0, end), root)))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void judge(bytes, root)))
})

proven('a hundred thousand entries are read in less than three seconds of a processor', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => ({
    serialNumber: (i + 0x10000).toString(16).padStart(6, '0'),
  }))
  const der = derOf(crl({ revoked: many as unknown as X509Certificate[] }))
  const started = process.cpuUsage()
  const root = Trust.fromPem(tree.pem('root')).anchorsFor(parseCertificate(alice))[0]
  assert.is(root && RevocationList.parse(der, 'x').revokedBy(root).size, 100_000)
  assert.ok(process.cpuUsage(started).user < 3_000_000)
})

test.run()
