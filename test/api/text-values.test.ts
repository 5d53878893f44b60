import { type TSchema, Type } from '@sinclair/typebox'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertTexts, ignoresUnknownInForms, TextFields } from '../../src/api/text-values.ts'
import { InvalidError } from '../../src/core/errors.ts'

const test = suite('text values')
const schema = Type.Object({
  name: Type.String(),
  count: Type.Integer(),
  share: Type.Number(),
  suspended: Type.Boolean(),
  quota: Type.Union([Type.Integer(), Type.Null()]),
  email: Type.Union([Type.String(), Type.Null()]),
  groups: Type.Array(Type.String()),
  sizes: Type.Array(Type.Integer()),
  any: Type.Unknown(),
  more: Type.Record(Type.String(), Type.Integer()),
})
const form = (text: string, of: TSchema = schema) =>
  convertTexts(of, new TextFields({ entries: [...new URLSearchParams(text)], isForm: true }))
const list = (...words: string[]) => new TextFields({ entries: words.map((word) => ['item', word]) })

test('numbers and flags are read as clients of all ages write them', () => {
  assert.equal(form('count=12&share=0.5'), { count: 12, share: 0.5 })
  for (const yes of ['True', 'true', 'TRUE', '1', 'yes', 'On'])
    assert.equal(form(`suspended=${yes}`), { suspended: true })
  for (const no of ['False', 'false', '0', 'no', 'off', ''])
    assert.equal(form(`suspended=${no}`), { suspended: false })
})

test('what is of no use as the wanted type stays as it is, for the check to refuse', () => {
  assert.equal(form('count=12x&suspended=maybe&share=1e5'), {
    count: '12x',
    suspended: 'maybe',
    share: '1e5',
  })
  assert.equal(form('count=99999999999999999'), { count: '99999999999999999' })
  assert.equal(form('name=12'), { name: '12' })
})

test('nothing is null where null is allowed, and empty elsewhere', () => {
  assert.equal(form('quota=&email=&name=&groups='), { quota: null, email: null, name: '', groups: [] })
  assert.equal(form('quota=7&email=a%40b'), { quota: 7, email: 'a@b' })
})

test('lists come comma-separated, repeated, or as elements', () => {
  assert.equal(form('groups=a,b&groups=c&sizes=1,+2'), { groups: ['a', 'b', 'c'], sizes: [1, 2] })
  const fields = new TextFields({ entries: [['groups', list('a,b', 'c')]] })
  assert.equal(convertTexts(schema, fields), { groups: ['a,b', 'c'] })
})

test('a single value that is given twice is refused', () => {
  assert.throws(
    () => form('name=a&name=b'),
    (error: unknown) => error instanceof InvalidError && error.message === 'name is given twice',
  )
  assert.equal(form('any=a&any=b'), { any: ['a', 'b'] })
})

test('elements within elements become objects', () => {
  const more = new TextFields({ entries: [['x', '1']] })
  const fields = new TextFields({
    entries: [
      ['more', more],
      ['any', new TextFields({ entries: [['a', null]] })],
    ],
  })
  assert.equal(convertTexts(schema, fields), { more: { x: 1 }, any: { a: null } })
})

test('unknown fields of a form are kept for the check unless the schema ignores them', () => {
  assert.equal(form('colour=blue'), { colour: 'blue' })
  const lenient = Type.Object({ name: Type.String() }, ignoresUnknownInForms)
  assert.equal(form('colour=blue&name=x', lenient), { name: 'x' })
  const fields = new TextFields({ entries: [['colour', 'blue']] })
  assert.equal(convertTexts(lenient, fields), { colour: 'blue' })
})

test('no name of a field reaches into objects', () => {
  assert.throws(() => form('__proto__=x'), 'a field must not be called __proto__')
  const open = Type.Object({}, ignoresUnknownInForms)
  assert.equal(form('constructor=x&toString=y', open), {})
})

test('any text of a form is converted or refused', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.type(form(text), 'object')
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test.run()
