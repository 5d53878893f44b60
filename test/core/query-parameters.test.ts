import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../src/core/errors.ts'
import { parseQueryParameters } from '../../src/core/query-parameters.ts'
import { parseQuery } from '../../src/core/query-parser.ts'

const test = suite('query parameters')

test("VISOR's parameters mean what a query says", () => {
  const given = { architecture: 'x86_64', vmType: 'kvm', sort: 'size', dir: 'desc', limit: '10', offset: 5 }
  const same = "* where arch='x86_64', hypervisor=kvm order by size desc limit 10 offset 5"
  assert.equal(parseQueryParameters(given), parseQuery(same))
  assert.equal(parseQueryParameters({}), parseQuery('*'))
})

test('names that are no field are free pairs', () => {
  const [condition] = parseQueryParameters({ colour: 'red' }).where
  assert.equal(condition?.field, { kind: 'property', key: 'colour' })
  assert.equal(parseQueryParameters({ 'property.size': '1' }).where[0]?.field, {
    kind: 'property',
    key: 'size',
  })
  assert.equal(parseQueryParameters({ sort: 'colour' }).order?.field, { kind: 'property', key: 'colour' })
})

test('parameters add to a query', () => {
  assert.equal(
    parseQueryParameters({ q: 'name where os=x', state: 'locked', sort: 'name' }),
    parseQuery('name where os=x, state=locked order by name'),
  )
})

test('what is malformed is refused', () => {
  const wrong: Record<string, unknown>[] = [
    ...[{ dir: 'desc' }, { sort: 'name', dir: 'down' }, { sort: 'access' }, { limit: '0' }, { limit: 'x' }],
    ...[
      { offset: '-1' },
      { q: ['*', '*'] },
      { os: ['a', 'b'] },
      { q: '* limit 5', limit: '6' },
      { 'a b': 'c' },
    ],
    ...[{ size: 'big' }, { os: 'a\0' }, { os: 'x'.repeat(5000) }, { q: '*'.repeat(3) }, { uri: 'x' }],
    Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, 'x'])),
  ]
  for (const given of wrong)
    assert.throws(
      () => parseQueryParameters(given),
      (error: unknown) => error instanceof InvalidError,
    )
})

test.run()
