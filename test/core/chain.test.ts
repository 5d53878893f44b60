import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { linkOfAcl, parseAcl } from '../../src/core/acl.ts'
import { checkFollows, type Link, type Linked, payloadDigest } from '../../src/core/chain.ts'
import type { DigestKey } from '../../src/core/cid.ts'
import { SignatureError } from '../../src/core/errors.ts'
import { linkOfRecord, parseRecordStatement } from '../../src/core/record.ts'
import { RecordStanding } from '../../src/core/record-standing.ts'

const test = suite('chains')

interface Vector {
  readonly payload: string
  readonly digest: string
}
const vectors = JSON.parse(readFileSync(new URL('../fixtures/chain-v1.json', import.meta.url), 'utf8')) as {
  acl: Vector[]
  record: Vector[]
}

const tokenOf = (payload: string) => `e30.${Buffer.from(payload).toString('base64url')}.AA`
const digest = 'ab'.repeat(32) as DigestKey
const link = (init: Partial<Link> = {}): Link => ({
  ...{ target: 'image:u', serial: 2, previous: digest, repaired: false, iat: 100 },
  ...init,
})
const before: Linked = { link: link({ serial: 1, previous: null }), digest }

test('the vectors of the specification: each payload has its digest and names the one before', () => {
  for (const kind of ['acl', 'record'] as const) {
    const missing: number[] = []
    let last: Linked | undefined
    for (const { payload, digest: expected } of vectors[kind]) {
      assert.is(payloadDigest(tokenOf(payload)), expected)
      const claims = JSON.parse(payload)
      const next = kind === 'acl' ? linkOfAcl(parseAcl(claims)) : linkOfRecord(parseRecordStatement(claims))
      missing.push(checkFollows(last, next))
      last = { link: next, digest: expected as DigestKey }
    }
    assert.equal(missing, kind === 'acl' ? [0, 0, 2] : [0, 0, 0, 0])
  }
})

test('statements are written field by field in the order of the specification', () => {
  for (const { payload } of vectors.acl) assert.is(JSON.stringify(parseAcl(JSON.parse(payload))), payload)
  for (const { payload } of vectors.record)
    assert.is(JSON.stringify(parseRecordStatement(JSON.parse(payload))), payload)
})

test('the vectors of records come to what the specification says', () => {
  const standing = new RecordStanding()
  for (const [i, { payload, digest: of }] of vectors.record.entries()) {
    standing.apply(parseRecordStatement(JSON.parse(payload)), of as DigestKey)
    assert.equal([...standing.versions.keys()], [[1], [1], [4], []][i])
  }
})

test('a signature does not count for the digest', () => {
  fc.assert(
    fc.property(fc.string(), fc.base64String(), (payload, signature) => {
      const token = tokenOf(payload)
      assert.is(payloadDigest(`xx.${token.split('.')[1]}.${signature}`), payloadDigest(token))
    }),
  )
})

test('what follows has the next number, the digest of the one before, and no earlier time', () => {
  assert.is(checkFollows(before, link()), 0)
  assert.is(checkFollows(undefined, link({ serial: 1, previous: null })), 0)
  const wrong: [Linked | undefined, Partial<Link>][] = [
    [before, { serial: 3 }],
    [before, { serial: 1 }],
    [before, { previous: null }],
    [before, { previous: 'cd'.repeat(32) as DigestKey }],
    [before, { target: 'image:other' }],
    [before, { iat: 99 }],
    [undefined, {}],
    [undefined, { serial: 1 }],
    [before, { serial: 1, repaired: true }],
    [before, { serial: 5, repaired: true, previous: null }],
  ]
  for (const [one, change] of wrong)
    assert.throws(
      () => checkFollows(one, link(change)),
      (error: unknown) => error instanceof SignatureError,
      JSON.stringify(change),
    )
})

test('only a repair leaves numbers out', () => {
  assert.is(checkFollows(before, link({ serial: 5, repaired: true })), 3)
  assert.is(checkFollows(undefined, link({ serial: 4, previous: null, repaired: true })), 3)
})

test.run()
