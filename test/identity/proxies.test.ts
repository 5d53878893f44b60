import type { X509Certificate } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import type { Purpose } from '../../src/identity/certificate-rules.ts'
import { type Principal, validatePath } from '../../src/identity/path-validation.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, type CertificatePlan, LEAF, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { draftInfo, INHERIT_ALL, LIMITED, rfcInfo } from '../fixtures/proxy-extensions.ts'

const test = suite('proxies')
const lack = missingPrograms('openssl')
const proven = testsThatNeed(test, lack)

const tree = new OpensslTree()
test.after(() => tree.remove())

const ALICE = '/O=Example/OU=People/CN=Alice Smith'
let alice: X509Certificate
let trust: Trust

test.before(() => {
  if (lack !== undefined) return
  tree.make({ name: 'root', issuer: 'root', extensions: CA, days: 60 })
  alice = tree.make({ name: 'alice', subject: ALICE, issuer: 'root', extensions: LEAF.slice(0, 3) })
  trust = Trust.fromPem(tree.pem('root'))
})

const USAGE = 'keyUsage=critical,digitalSignature'
let count = 0

/** A proxy with the files `pN`; of alice and of RFC 3820 unless said otherwise. */
function make(cn: string, plan: Partial<CertificatePlan> & { below?: string } = {}): X509Certificate {
  const { below = ALICE, ...rest } = plan
  const defaults = { issuer: 'alice', extensions: [USAGE, rfcInfo()], days: 5 }
  return tree.make({ name: `p${++count}`, subject: `${below}/CN=${cn}`, ...defaults, ...rest })
}

/** Name of the files of the proxy that was made last. */
const last = () => `p${count}`

interface Check {
  purpose?: Purpose
  days?: number
}

function check(chain: readonly X509Certificate[], { purpose = 'client', days = 0 }: Check = {}): Principal {
  return validatePath(chain, { trust, nowMs: Date.now() + days * 24 * 3600 * 1000, purpose })
}

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

proven('a proxy stands for its end entity', () => {
  const proxy = make('123')
  const principal = check([proxy, alice])
  assert.equal(principal, {
    dn: ALICE,
    commonName: 'Alice Smith',
    notAfterMs: Date.parse(proxy.validTo),
    fingerprint256: alice.fingerprint256,
    proxyDepth: 1,
    limited: false,
  })
  assert.equal({ ...check([alice]), notAfterMs: 0 }, { ...principal, notAfterMs: 0, proxyDepth: 0 })
})

proven('a name that ends in several CNs is not cut', () => {
  const subject = `${ALICE}/CN=123`
  const twice = tree.make({ name: 'twice', subject, issuer: 'root' })
  assert.is(check([twice]).dn, subject)
  assert.is(check([make('9', { below: subject, issuer: 'twice' }), twice]).dn, subject)
})

proven('proxies of proxies are followed to the end entity', () => {
  const one = make('1')
  const two = make('2', { below: `${ALICE}/CN=1`, issuer: last() })
  const three = make('3', { below: `${ALICE}/CN=1/CN=2`, issuer: last() })
  const principal = check([three, two, one, alice])
  assert.is(principal.dn, ALICE)
  assert.is(principal.proxyDepth, 3)
  refused([three, one, alice], 'not-trusted')
  refused([three, two, one], 'not-trusted')
})

proven('legacy and draft proxies are known by their names and their extension', () => {
  const legacy = make('proxy', { extensions: [USAGE] })
  assert.equal([check([legacy, alice]).dn, check([legacy, alice]).limited], [ALICE, false])
  const second = make('proxy', { below: `${ALICE}/CN=proxy`, issuer: last(), extensions: [USAGE] })
  assert.is(check([second, legacy, alice]).proxyDepth, 2)
  const draft = make('77', { extensions: [USAGE, draftInfo({})] })
  assert.is(check([draft, alice]).dn, ALICE)
})

proven('limited anywhere in the chain means limited', () => {
  const language = LIMITED
  assert.is(check([make('1', { extensions: [USAGE, rfcInfo({ language })] }), alice]).limited, true)
  assert.is(check([make('1', { extensions: [USAGE, draftInfo({ language })] }), alice]).limited, true)
  const legacy = make('limited proxy', { extensions: [USAGE] })
  assert.is(check([legacy, alice]).limited, true)
  const wider = make('proxy', { below: `${ALICE}/CN=limited proxy`, issuer: last(), extensions: [USAGE] })
  assert.is(check([wider, legacy, alice]).limited, true)
  const one = make('1', { extensions: [USAGE, rfcInfo({ language })] })
  const two = make('2', { below: `${ALICE}/CN=1`, issuer: last() })
  assert.is(check([two, one, alice]).limited, true)
})

proven('kinds of proxies do not mix', () => {
  const rfc = make('1')
  const legacy = make('proxy', { below: `${ALICE}/CN=1`, issuer: last(), extensions: [USAGE] })
  assert.match(refused([legacy, rfc, alice], 'proxy').message, 'different kinds')
  const old = make('proxy', { extensions: [USAGE] })
  const fresh = make('1', { below: `${ALICE}/CN=proxy`, issuer: last() })
  refused([fresh, old, alice], 'proxy')
  const draft = make('1', { extensions: [USAGE, draftInfo({})] })
  refused([make('2', { below: `${ALICE}/CN=1`, issuer: last() }), draft, alice], 'proxy')
  refused([make('1', { extensions: [USAGE, rfcInfo(), draftInfo({})] }), alice], 'malformed')
})

proven('independent proxies and unknown policies stand for nobody', () => {
  const of = (info: string) => make('1', { extensions: [USAGE, info] })
  const error = refused([of('proxyCertInfo=critical,language:id-ppl-independent'), alice], 'proxy-policy')
  assert.match(error.message, 'independent')
  refused([of('proxyCertInfo=critical,language:1.2.3.4'), alice], 'proxy-policy')
  refused([of('proxyCertInfo=critical,language:id-ppl-anyLanguage,policy:text:x'), alice], 'proxy-policy')
  const withPolicy = draftInfo({ language: INHERIT_ALL, policy: true })
  refused([of(withPolicy), alice], 'proxy-policy')
})

proven('path lengths count the proxies below', () => {
  for (const info of [rfcInfo({ pathLength: 1 }), draftInfo({ pathLength: 1 })]) {
    const extensions = [USAGE, info]
    const free = [USAGE, info.startsWith('proxy') ? rfcInfo() : draftInfo({})]
    const one = make('1', { extensions })
    const two = make('2', { below: `${ALICE}/CN=1`, issuer: last(), extensions: free })
    const three = make('3', { below: `${ALICE}/CN=1/CN=2`, issuer: last(), extensions: free })
    check([one, alice])
    check([two, one, alice])
    const error = refused([three, two, one, alice], 'path-length')
    assert.match(error.message, '/CN=1: it allows 1 proxies below it, and there are 2')
  }
  const none = make('1', { extensions: [USAGE, rfcInfo({ pathLength: 0 })] })
  check([none, alice])
  refused([make('2', { below: `${ALICE}/CN=1`, issuer: last() }), none, alice], 'path-length')
})

proven('a proxy has the name of its signer and one CN more', () => {
  const named = (subject: string) =>
    tree.make({ name: `n${++count}`, subject, issuer: 'alice', extensions: [USAGE, rfcInfo()] })
  for (const subject of [
    ALICE,
    `${ALICE}/CN=1/CN=2`,
    `${ALICE}/OU=1`,
    `${ALICE}/CN=1+OU=2`,
    '/O=Example/OU=People/CN=Bob',
    '/O=Example/OU=People/CN=Bob/CN=1',
    '/O=Example/OU=People/CN=alice smith/CN=1',
    '/CN=1',
  ]) {
    refused([named(subject), alice], 'proxy-name')
  }
  const legacy = tree.make({
    name: 'legacy-bob',
    subject: '/O=Example/OU=People/CN=Bob/CN=proxy',
    issuer: 'alice',
    extensions: [USAGE],
  })
  refused([legacy, alice], 'proxy-name')
})

proven('what a person signs and is no proxy is refused', () => {
  refused([make('1', { extensions: [USAGE] }), alice], 'not-a-ca')
  refused([make('Proxy', { extensions: [USAGE] }), alice], 'not-a-ca')
  const proxy = make('1')
  const person = make('2', { below: `${ALICE}/CN=1`, issuer: last(), extensions: [USAGE] })
  refused([person, proxy, alice], 'proxy')
})

proven('a certificate that a CA has signed is no legacy proxy, whatever its name', () => {
  const subject = '/O=Example/CN=root/CN=proxy'
  assert.equal(check([tree.make({ name: 'odd', subject, issuer: 'root' })]).dn, subject)
})

proven('a CA signs no proxies and a proxy is no CA', () => {
  const ofCa = make('1', { below: '/O=Example/CN=root', issuer: 'root' })
  assert.match(refused([ofCa], 'proxy').message, 'its signer /O=Example/CN=root is a CA')
  const ca = make('1', { extensions: [...CA, rfcInfo()] })
  refused([ca, alice], 'proxy')
  const selfMade = make('1', { extensions: [...CA, rfcInfo()] })
  const below = make('x', { below: '/O=Example', issuer: last(), extensions: LEAF })
  assert.instance(refused([below, selfMade, alice], 'proxy'), CertificateError)
})

proven('a proxy has no alternative names, and its information is critical', () => {
  const error = refused([make('1', { extensions: [...LEAF.slice(1), rfcInfo()] }), alice], 'proxy')
  assert.match(error.message, 'alternative names')
  refused([make('1', { extensions: [USAGE, rfcInfo(), 'issuerAltName=DNS:a.testnet'] }), alice], 'proxy')
  refused([make('1', { extensions: [USAGE, rfcInfo().replace('critical,', '')] }), alice], 'proxy')
  refused([make('1', { extensions: [USAGE, draftInfo({}).replace('critical,', '')] }), alice], 'proxy')
})

proven('signers of proxies, and proxies, need digitalSignature where they have a key usage', () => {
  const mute = ['keyUsage=critical,keyEncipherment']
  const bob = tree.make({ name: 'bob', issuer: 'root', extensions: mute })
  const error = refused([make('1', { below: '/O=Example/CN=bob', issuer: 'bob' }), bob], 'key-usage')
  assert.is(error.data['dn'], '/O=Example/CN=bob')
  refused([make('1', { extensions: [...mute, rfcInfo()] }), alice], 'key-usage')
  const bare = make('1', { extensions: [rfcInfo()] })
  check([bare, alice])
})

proven('every extended key usage on the way to the leaf must suit', () => {
  const server = [USAGE, rfcInfo(), 'extendedKeyUsage=serverAuth']
  refused([make('1', { extensions: server }), alice], 'extended-key-usage')
  check([make('1', { extensions: server }), alice], { purpose: 'any' })
  const one = make('1', { extensions: server })
  const two = make('2', { below: `${ALICE}/CN=1`, issuer: last() })
  refused([two, one, alice], 'extended-key-usage')
  const host = tree.make({ name: 'host', issuer: 'root', extensions: [USAGE, 'extendedKeyUsage=serverAuth'] })
  refused([make('1', { below: '/O=Example/CN=host', issuer: 'host' }), host], 'extended-key-usage')
})

proven('a proxy is no server and signs no records', () => {
  const proxy = make('1')
  for (const purpose of ['server', 'sign'] as const) {
    check([alice], { purpose })
    refused([proxy, alice], 'proxy', { purpose })
  }
  check([proxy, alice], { purpose: 'any' })
})

proven('each certificate of the chain must be valid now', () => {
  const proxy = make('1')
  check([proxy, alice], { days: 4 })
  assert.is(refused([proxy, alice], 'expired', { days: 6 }).data['dn'], `${ALICE}/CN=1`)
  const long = make('1', { days: 50 })
  assert.is(refused([long, alice], 'expired', { days: 40 }).data['dn'], ALICE)
})

proven('weak keys and signatures count in proxies too', () => {
  refused([make('1', { key: 'rsa1024' }), alice], 'weak-key')
  refused([make('1', { digest: 'sha1' }), alice], 'weak-signature')
})

proven('a proxy that somebody else has signed is refused', () => {
  const mallory = tree.make({ name: 'mallory', issuer: 'root' })
  refused([make('1', { issuer: 'mallory' }), mallory], 'proxy-name')
  tree.make({ name: 'namesake', subject: ALICE, issuer: 'namesake' })
  refused([make('1', { issuer: 'namesake' }), alice], 'bad-signature')
})

proven('a chain of ten is the longest', () => {
  const chain = [alice]
  let below = ALICE
  let issuer = 'alice'
  for (let i = 1; i <= 9; i++) {
    chain.unshift(make(`${i}`, { below, issuer }))
    below += `/CN=${i}`
    issuer = last()
  }
  assert.is(check(chain).proxyDepth, 9)
  refused([make('10', { below, issuer }), ...chain], 'chain-length')
})

test.run()
