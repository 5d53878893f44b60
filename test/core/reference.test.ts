import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf, manifestIdOf } from '../../src/core/cid.ts'
import { InvalidError } from '../../src/core/errors.ts'
import { formatReference, parseReference } from '../../src/core/reference.ts'

const test = suite('reference')
const id = manifestIdOf(digestOf(Buffer.from('x')))

test('reads the four forms', () => {
  assert.equal(parseReference('ns/name') as object, { namespace: 'ns', name: 'name' })
  assert.equal(parseReference('ns/name:tag') as object, { namespace: 'ns', name: 'name', tag: 'tag' })
  assert.equal(parseReference('ns/name@3') as object, { namespace: 'ns', name: 'name', version: 3 })
  assert.equal(parseReference(`ns/name@${id}`) as object, { namespace: 'ns', name: 'name', manifest: id })
})

test('writes what it reads', () => {
  for (const text of ['a/b', 'a/b:c', 'a/b@1', `a/b@${id}`, 'A.b-c_d/0:latest']) {
    assert.is(formatReference(parseReference(text)), text)
  }
})

test('refuses everything else', () => {
  const wrong = [
    '',
    'a',
    '/a',
    'a/',
    'a/b/c',
    'a/b:',
    'a/b@',
    'a/b@0',
    'a/b@01',
    'a/b@x',
    'a/b:c@1',
    '../b',
    'a/..',
    'ä/b',
    'a b/c',
  ]
  for (const text of [...wrong, `a/${'b'.repeat(129)}`, `a/b:${'c'.repeat(5000)}`, 'a/b\n']) {
    assert.throws(
      () => parseReference(text),
      (error: unknown) => error instanceof InvalidError,
      text,
    )
  }
})

test('any text gives a reference that is written the same, or an InvalidError', () => {
  const nearly = fc.stringMatching(/^[a-z.]{0,3}\/?[a-z]{0,3}[:@/]?[a-z0-9]{0,3}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearly), (text) => {
      try {
        assert.is(formatReference(parseReference(text)), text)
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
    { numRuns: 1000 },
  )
})

test.run()
