import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError, SignatureError } from '../../src/core/errors.ts'
import { checkPublication, parsePublication } from '../../src/core/publication.ts'

const test = suite('publications')
const MANIFEST = 'bafyreifjowlvstwzyta6gnf6hz7j7iembtmo3nm2jpv3kcrdqkb2ix5fbu'
const CLAIMS = { namespace: 'site', name: 'debian', manifest: MANIFEST, size: 1, sha256: null, iat: 7 }

test('reads what was written, and any object is one or an InvalidError', () => {
  assert.equal(parsePublication({ ...CLAIMS, more: 1 }), CLAIMS)
  assert.is(parsePublication({ ...CLAIMS, sha256: 'ab'.repeat(32) }).sha256, 'ab'.repeat(32))
  const claims = fc.dictionary(fc.constantFrom(...Object.keys(CLAIMS)), fc.jsonValue())
  fc.assert(
    fc.property(claims, (change) => {
      try {
        parsePublication({ ...CLAIMS, ...change })
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test('is of one name and of one image', () => {
  const publication = parsePublication(CLAIMS)
  const { iat: _, ...facts } = publication
  checkPublication(publication, facts)
  for (const change of [{ namespace: 'x' }, { name: 'x' }, { manifest: 'x' }, { size: 2 }, { sha256: 'x' }])
    assert.throws(
      () => checkPublication(publication, { ...facts, ...change } as never),
      (error: unknown) => error instanceof SignatureError,
    )
})

test.run()
