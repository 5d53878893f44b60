import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BootswarmError, InvalidError } from '../../src/core/errors.ts'
import { METADATA_FIELDS } from '../../src/core/metadata.ts'
import { parseQuery } from '../../src/core/query-parser.ts'
import { QUERY_CHARS_MAX, QUERY_CONDITIONS_MAX, QUERY_PATTERNS_MAX } from '../../src/core/registry-limits.ts'

const test = suite('query parser')

interface Vectors {
  readonly queries: readonly { readonly text: string }[]
  readonly errors: readonly { readonly text: string; readonly position: number }[]
}
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/query-v1.json'), 'utf8'),
) as Vectors

/** As the vectors have it: patterns by their text, null for what is not there. */
function plain(text: string): unknown {
  const { fields = null, where, order = null, limit = null, offset = null } = parseQuery(text)
  const conditions = where.map((condition) => {
    if (condition.test !== 'matches') return condition
    const { source, ignoreCase } = condition.pattern
    return { ...condition, pattern: { source, ignoreCase } }
  })
  return { text, fields, where: conditions, order, limit, offset }
}

function refusal(text: string): BootswarmError {
  try {
    parseQuery(text)
  } catch (error) {
    if (error instanceof BootswarmError) return error
    throw error
  }
  throw new TypeError(`no error: ${text}`)
}

test('queries mean what the vectors say', () => {
  for (const vector of vectors.queries) assert.equal(plain(vector.text), vector, vector.text)
})

test('errors name the place that the vectors say', () => {
  for (const { text, position } of vectors.errors) {
    const error = refusal(text)
    assert.is(error.code, 'E_INVALID')
    assert.is(error.data['position'], position, text)
  }
})

test('an error shows what stands there', () => {
  assert.match(
    refusal('* where colour=red').message,
    /^the query at character 9 \("colour=red"\): there is no field/,
  )
  assert.match(refusal('name,').message, /^the query at its end: expected the name of a field$/)
})

test('a query has so many characters, conditions and regular expressions', () => {
  const times = (n: number, condition: string) =>
    `where ${Array.from({ length: n }, () => condition).join(',')}`
  assert.is(parseQuery(times(QUERY_CONDITIONS_MAX, 'os=x')).where.length, QUERY_CONDITIONS_MAX)
  assert.match(refusal(times(QUERY_CONDITIONS_MAX + 1, 'os=x')).message, /at most 32 conditions/)
  assert.match(refusal(times(QUERY_PATTERNS_MAX + 1, 'os~/x/')).message, /at most 4 regular/)
  assert.match(refusal(' '.repeat(QUERY_CHARS_MAX + 1)).message, /at most 4096 characters/)
  const many = Array.from({ length: 65 }, (_, i) => `property.k${i}`).join(',')
  assert.match(refusal(many).message, /at most 64 fields/)
})

test('characters that no database takes are refused', () => {
  for (const text of ["where os='a\0b'", "where os='\ud800'"]) assert.instance(refusal(text), InvalidError)
})

test('every text is a query or an error with a reason', () => {
  const word = fc.constantFrom(
    ...METADATA_FIELDS.map((field) => field.name),
    ...[
      'where',
      'and',
      ',',
      '=',
      '!=',
      '~',
      '<',
      '/a|b/i',
      "'x'",
      '"',
      'order',
      'by',
      'limit',
      '5',
      '*',
      'property.k',
    ],
  )
  const texts = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(word, fc.string({ maxLength: 4 }))).map((words) => words.join(' ')),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseQuery(text)
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test('any value can be said in quotes', () => {
  const value = fc.string().filter((text) => !text.includes('\0') && text.isWellFormed())
  fc.assert(
    fc.property(value, (text) => {
      const [condition] = parseQuery(`where os='${text.replaceAll("'", "''")}'`).where
      assert.is(condition?.test === 'is' && condition.value, text)
    }),
  )
})

test.run()
