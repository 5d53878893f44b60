import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../src/core/errors.ts'
import { isRecord, parseRecord, parseRecordStatement } from '../../src/core/record.ts'

const test = suite('records')
const MANIFEST = 'bafyreifjowlvstwzyta6gnf6hz7j7iembtmo3nm2jpv3kcrdqkb2ix5fbu'
const PLACE = {
  ...{ image: '0b0e2f0e-0000-4000-8000-000000000001', serial: 3, previous: 'ab'.repeat(32) },
  ...{ repaired: false, iat: 1_900_000_000 },
}
const RECORD = {
  ...PLACE,
  ...{ event: 'commit', namespace: 'site', name: 'debian', version: 2, manifest: MANIFEST, size: 4096 },
  ...{ sha256: 'cd'.repeat(32), publisher: '/O=Example/CN=alice', signature: null, formerly: null },
}
const REMOVAL = { ...PLACE, event: 'remove', version: 2 }

const refused = (claims: Record<string, unknown>, parse = parseRecordStatement) =>
  assert.throws(
    () => parse(claims),
    (error: unknown) => error instanceof InvalidError,
    JSON.stringify(claims).slice(0, 300),
  )

test('reads what was written', () => {
  const signature = { digest: 'ef'.repeat(32), signer: '/CN=bob', at: 1 }
  const formerly = { namespace: 'site', name: 'old', version: 1 }
  for (const claims of [
    RECORD,
    { ...RECORD, sha256: null, previous: null },
    { ...RECORD, event: 'sign', signature },
    { ...RECORD, event: 'rename', formerly, signature },
  ]) {
    assert.equal(parseRecord({ ...claims, more: 1 }), claims)
    assert.is(isRecord(parseRecordStatement(claims)), true)
  }
  for (const claims of [
    REMOVAL,
    { ...REMOVAL, event: 'end', version: null },
    { ...REMOVAL, event: 'repair', version: null, repaired: true },
  ]) {
    assert.equal(parseRecordStatement({ ...claims, more: 1 }), claims)
    assert.is(isRecord(parseRecordStatement(claims)), false)
  }
})

test('a statement that takes a version away is no record', () => {
  refused(REMOVAL, parseRecord)
  refused({ ...RECORD, event: 'remove' })
  refused({ ...REMOVAL, version: null })
  refused({ ...REMOVAL, event: 'end' })
  refused({ ...RECORD, event: 'nonsense' })
})

test('any object is a statement or an InvalidError', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...Object.values(RECORD), 'remove', 'end'))
  const claims = fc.dictionary(fc.constantFrom(...Object.keys(RECORD)), value)
  fc.assert(
    fc.property(claims, fc.boolean(), (change, isRemoval) => {
      try {
        parseRecordStatement({ ...(isRemoval ? REMOVAL : RECORD), ...change })
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test('refuses fields that are missing or malformed', () => {
  for (const change of [
    { image: '../x' },
    { serial: 0 },
    { serial: 1e300 },
    { previous: 'x' },
    { previous: undefined },
    { repaired: 0 },
    { iat: 'now' },
    { version: 0 },
    { manifest: 'x' },
    { manifest: null },
    { size: -1 },
    { sha256: 'CD'.repeat(32) },
    { sha256: undefined },
    { publisher: '' },
    { publisher: 'x'.repeat(5000) },
    { signature: undefined },
    { signature: {} },
    { signature: { digest: 'x', signer: '/CN=bob', at: 1 } },
    { signature: { digest: 'ef'.repeat(32), signer: '/CN=bob' } },
    { formerly: undefined },
    { formerly: { namespace: 'site', name: 'old', version: 1 } },
    { event: 'rename' },
    { event: 'rename', formerly: { namespace: 'site', name: 'old', version: 0 } },
    { namespace: '' },
    { name: 'a b' },
  ])
    refused({ ...RECORD, ...change })
})

test.run()
