import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { CompactSign } from 'jose'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError, InvalidError, SignatureError } from '../../src/core/errors.ts'
import { JWS_BYTES_MAX } from '../../src/core/limits.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { signJws, verifyJws } from '../../src/identity/jws.ts'
import { Trust } from '../../src/identity/trust.ts'
import { CA, OpensslTree } from '../fixtures/openssl.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { identityOf, Site } from '../fixtures/site.ts'

const test = suite('jws')
const typ = 'bootswarm-test+jwt'
const host = 'tracker.testnet'

let site: Site
let tracker: Identity
let token: string

test.before(async () => {
  site = await Site.create()
  tracker = await site.issue({ kind: 'tracker', commonName: host })
  token = await signJws(tracker, { hello: 'wörld', n: 1 }, { typ })
})

const verify = (text: string, init: Partial<Parameters<typeof verifyJws>[1]> = {}) =>
  verifyJws(text, { trust: site.trust, typ, nowMs: Date.now(), host, ...init })

/** Class and message of the refusal. */
async function refusal(text: string, init: Partial<Parameters<typeof verifyJws>[1]> = {}): Promise<Error> {
  try {
    await verify(text, init)
  } catch (error) {
    assert.ok(error instanceof SignatureError || error instanceof CertificateError, String(error))
    return error as Error
  }
  return assert.unreachable('accepted') as never
}

/** A token with this header, signed with the tracker's key or the one given. */
function forge(header: Record<string, unknown>, payload = '{}', key = tracker.keyPem): Promise<string> {
  return new CompactSign(Buffer.from(payload))
    .setProtectedHeader({ alg: 'RS256', typ, x5c: x5c(tracker), ...header })
    .sign(keyOf(key), { crit: { b64: true, exp: true } })
}

function keyOf(pem: string) {
  return createPrivateKey(pem)
}

const x5c = (identity: Identity) => identity.chain.map(({ raw }) => raw.toString('base64'))

function encode(header: object, payload = '{}', signature = 'AAAA'): string {
  const part = (text: string) => Buffer.from(text).toString('base64url')
  return `${part(JSON.stringify(header))}.${part(payload)}.${signature}`
}

test('gives back claims and signer of what the tracker signed', async () => {
  const { claims, principal } = await verify(token)
  assert.equal(claims, { hello: 'wörld', n: 1 })
  assert.is(principal.dn, `/O=Example/OU=trackers/CN=${host}`)
  assert.equal((await verify(token)).claims, claims)
})

test('refuses a token of another type, for another host, of another site', async () => {
  assert.instance(await refusal(token, { typ: 'other+jwt' }), SignatureError)
  assert.match((await refusal(token, { host: 'other.testnet' })).message, 'not for other.testnet')
  const other = await Site.create()
  assert.instance(await refusal(token, { trust: other.trust }), CertificateError)
})

test('refuses a token when the chain has expired, also one that it has accepted before', async () => {
  await verify(token)
  const nowMs = tracker.principal.notAfterMs + 61_000
  assert.match((await refusal(token, { nowMs })).message, 'expired')
  await verify(token)
  assert.match((await refusal(token, { nowMs: Date.now() - 86_400_000 })).message, 'not valid before')
})

test('refuses certificates of nodes and users as signers', async () => {
  for (const kind of ['node', 'user'] as const) {
    const identity = await site.issue({ kind, commonName: host, dnsNames: [host] })
    const error = await refusal(await signJws(identity, {}, { typ }))
    assert.instance(error, CertificateError)
    assert.match(error.message, 'lacks serverAuth')
  }
})

test('refuses the signature of somebody who shows the chain of the tracker', async () => {
  const node = await site.issue({ kind: 'node', commonName: 'node-1' })
  const error = await refusal(await forge({}, '{}', node.keyPem))
  assert.instance(error, SignatureError)
  assert.match(error.message, 'does not verify')
})

test('refuses none, HMAC with the public key, and algorithms that are not allowed', async () => {
  const pem = tracker.chain[0]?.publicKey.export({ type: 'spki', format: 'pem' }).toString() ?? ''
  const hmac = await new CompactSign(Buffer.from('{}'))
    .setProtectedHeader({ alg: 'HS256', typ, x5c: x5c(tracker) })
    .sign(Buffer.from(pem))
  assert.match((await refusal(hmac)).message, 'algorithm is not allowed')
  for (const alg of ['none', 'None', 'HS256', 'RS512', 'ES512', '', 1, null]) {
    const error = await refusal(encode({ alg, typ, x5c: x5c(tracker) }))
    assert.match(error.message, 'algorithm is not allowed')
  }
  assert.instance(await refusal(encode({ alg: 'ES256', typ, x5c: x5c(tracker) })), SignatureError)
  assert.instance(await refusal(encode({ alg: 'EdDSA', typ, x5c: x5c(tracker) })), SignatureError)
  assert.is((await verify(await forge({ alg: 'PS256' }))).principal.dn, tracker.principal.dn)
})

test('refuses header extensions, a missing type and keys from elsewhere', async () => {
  assert.match((await refusal(await forge({ crit: ['exp'], exp: 1 }))).message, 'header extensions')
  assert.match((await refusal(await forge({ typ: undefined }))).message, 'not of the type')
  assert.match((await refusal(encode({ alg: 'RS256', typ, jwk: {}, x5u: 'https://x' }))).message, 'no chain')
})

test('refuses chains that are no chains', async () => {
  const [leaf = ''] = x5c(tracker)
  const chains = [
    [],
    'text',
    [1],
    {},
    null,
    new Array(11).fill(leaf),
    ['!'],
    ['AAAA'],
    [`${leaf}AAAA`],
    [leaf, leaf],
    ['A'.repeat(50_000)],
  ]
  for (const chain of chains) await refusal(encode({ alg: 'RS256', typ, x5c: chain }))
  const der = Buffer.from(leaf, 'base64')
  const padded = Buffer.concat([der, Buffer.from([0])]).toString('base64')
  assert.instance(await refusal(encode({ alg: 'RS256', typ, x5c: [padded] })), CertificateError)
})

test('refuses claims that are no JSON object', async () => {
  for (const payload of ['[]', '1', 'null', '"x"', '{', '', '\xff']) {
    assert.instance(await refusal(await forge({}, payload)), SignatureError)
  }
})

test('refuses tokens that are too large, and does not make them', async () => {
  assert.match((await refusal('A'.repeat(JWS_BYTES_MAX + 1))).message, 'more than')
  try {
    await signJws(tracker, { text: 'x'.repeat(JWS_BYTES_MAX) }, { typ })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, InvalidError)
  }
})

test('refuses a token in which any one character is another', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u0000é'
  const anywhere = fc.oneof(
    fc.nat(token.length - 1),
    fc.nat(20).map((n) => token.length - 1 - (n % 21)),
  )
  const property = fc.asyncProperty(anywhere, fc.constantFrom(...alphabet), async (at, character) => {
    fc.pre(token[at] !== character)
    await refusal(token.slice(0, at) + character + token.slice(at + 1))
  })
  await fc.assert(property, { numRuns: 1000 })
})

test('refuses every other ending of a signature that decodes to the same octets', async () => {
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const stem = token.slice(0, -1)
  for (const character of last) if (!token.endsWith(character)) await refusal(stem + character)
  for (const tail of ['=', '==', '\n', ' ', '.']) await refusal(token + tail)
})

test('refuses random texts and random headers with a typed error', async () => {
  const header = fc.record(
    {
      alg: fc.oneof(fc.constantFrom('RS256', 'ES256', 'EdDSA'), fc.string()),
      typ: fc.oneof(fc.constant(typ), fc.string()),
      x5c: fc.oneof(fc.array(fc.base64String({ maxLength: 64 }), { maxLength: 12 }), fc.jsonValue()),
      crit: fc.jsonValue(),
      b64: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(header, fc.string(), async (one, payload) => void (await refusal(encode(one, payload)))),
  )
  await fc.assert(fc.asyncProperty(fc.string({ maxLength: 200 }), async (text) => void (await refusal(text))))
  await fc.assert(fc.asyncProperty(fc.jsonValue(), async (value) => void (await refusal(encode([value])))))
})

const withOpenssl = testsThatNeed(test, missingPrograms('openssl'))

withOpenssl('signs with every kind of key that is allowed, and refuses P-521', async () => {
  const tree = new OpensslTree()
  tree.make({ name: 'root', issuer: 'root', extensions: CA })
  const trust = Trust.fromPem(tree.pem('root'))
  for (const [key, alg] of [
    ['ec', 'ES256'],
    ['p384', 'ES384'],
    ['ed25519', 'EdDSA'],
    ['rsa2048', 'RS256'],
  ] as const) {
    tree.make({ name: key, issuer: 'root', key })
    const keyPem = tree.run(['pkey', '-in', tree.key(key)])
    const identity = identityOf({ certificatePem: tree.pem(key), keyPem }, trust)
    const signed = await signJws(identity, { key }, { typ })
    assert.is(JSON.parse(Buffer.from(signed.split('.')[0] ?? '', 'base64url').toString()).alg, alg)
    assert.equal((await verify(signed, { trust })).claims, { key })
  }
  tree.remove()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp521r1' })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await signJws({ ...tracker, keyPem }, {}, { typ }).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, CertificateError),
  )
})

test.run()
