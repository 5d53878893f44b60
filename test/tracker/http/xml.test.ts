import { type TSchema, Type } from '@sinclair/typebox'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertTexts } from '../../../src/api/text-values.ts'
import { BootswarmError, InvalidError } from '../../../src/core/errors.ts'
import { readXml } from '../../../tracker/http/xml-reader.ts'
import { writeXml } from '../../../tracker/http/xml-writer.ts'

const test = suite('xml')
const open = Type.Object({})
const read = (text: string, schema: TSchema = open) => convertTexts(schema, readXml(Buffer.from(text)))

function refusal(text: string | Uint8Array): string {
  try {
    readXml(Buffer.from(text))
  } catch (error) {
    assert.instance(error, InvalidError)
    return error instanceof BootswarmError ? error.message : ''
  }
  return 'accepted'
}

test('children of the root are fields, whatever the root is called', () => {
  const text = '<?xml version="1.0" encoding="UTF-8"?><x:u xmlns:x="urn:x"><x:a>1 &lt; &#50;</x:a><b/></x:u>'
  assert.equal(read(text), { a: '1 < 2', b: '' })
  assert.equal(read('<u><d><![CDATA[ <&> ]]></d><n nil="true"/></u>'), { d: ' <&> ', n: null })
  assert.equal(read('<u><entry key="a b">1</entry></u>'), { 'a b': '1' })
  assert.equal(read('<u/>'), {})
})

test('types and lists are those of the schema', () => {
  const schema = Type.Object({ on: Type.Boolean(), n: Type.Integer(), groups: Type.Array(Type.String()) })
  const wanted = { on: true, n: 3, groups: ['a', 'b'] }
  assert.equal(
    read('<u><on>True</on><n> 3 </n><groups><item>a</item><item>b</item></groups></u>', schema),
    wanted,
  )
  assert.equal(read('<u><on>1</on><n>3</n><groups>a</groups><groups>b</groups></u>', schema), wanted)
  assert.equal(read('<u><groups/></u>', schema), { groups: [] })
})

test('nothing is declared, expanded or fetched', () => {
  assert.match(refusal('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'), 'document type')
  assert.match(refusal('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'), 'document type')
  assert.match(refusal('<a><b>&x;</b></a>'), 'no character')
  assert.match(refusal('<a><b>&#0;</b></a>'), 'no character')
  assert.match(refusal('<a><b>&#xd800;</b></a>'), 'no character')
  assert.match(refusal('<a><b>a & b</b></a>'), 'no')
})

test('what is no document with fields is refused', () => {
  for (const text of ['', 'text', '<a>', '<a/><b/>', '<a></b>', '<a>text</a>', '<a>x<b>y</b></a>'])
    assert.not.equal(refusal(text), 'accepted', text)
  assert.match(refusal(`${'<a>'.repeat(20)}x${'</a>'.repeat(20)}`), 'not XML')
  assert.match(refusal('<?xml version="1.0" encoding="ISO-8859-1"?><a/>'), 'UTF-8')
  assert.match(refusal(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])), 'UTF-8')
  assert.not.equal(refusal('<a><__proto__>x</__proto__></a>'), 'accepted')
})

test('any bytes are read or refused', () => {
  const words = fc.constantFrom(
    '<a>',
    '</a>',
    '<b/>',
    '&amp;',
    '&',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '<?x',
    '?>',
    'x',
  )
  const texts = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 12 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(texts, (text) => assert.type(refusal(text), 'string')),
    { numRuns: 500 },
  )
})

test('what is written can be read again', () => {
  const key = fc.string({ minLength: 1 }).filter((name) => name.isWellFormed() && isSayable(name))
  const text = fc.string({ unit: 'grapheme' }).filter(isSayable)
  const fields = fc.dictionary(
    key.filter((name) => name !== '__proto__'),
    fc.option(text),
  )
  fc.assert(
    fc.property(fields, (value) => {
      assert.equal(read(writeXml(value)), { ...value })
    }),
  )
})

test('lists, names of schemas and characters that XML lacks', () => {
  const user = { xml: { name: 'user' } }
  assert.is(
    writeXml([{ a: 1 }, { a: null }], { xml: { name: 'users' }, items: user }),
    '<?xml version="1.0" encoding="UTF-8"?>\n<users><user><a>1</a></user><user><a nil="true"/></user></users>\n',
  )
  assert.match(writeXml({ a: ['x', '\u0001'] }), '<answer><a><item>x</item><item>\ufffd</item></a></answer>')
  const either = { oneOf: [{ type: 'object' }, { type: 'array', xml: { name: 'users' }, items: user }] }
  assert.match(writeXml(['x'], either), '<users><user>x</user></users>')
  assert.match(writeXml({ a: 1 }, either), '<answer><a>1</a></answer>')
  assert.match(writeXml({ 'a b': true }), '<entry key="a b">true</entry>')
})

function isSayable(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML 1.0 cannot say
  return text.isWellFormed() && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)
}

test.run()
