import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import {
  bitsOf,
  booleanOf,
  countOf,
  DerReader,
  oidOf,
  readOnly,
  TAG,
  timeOf,
} from '../../src/identity/der.ts'

const test = suite('der')
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const value = (text: string) => new DerReader(hex(text)).read()

function malformed(body: () => unknown): void {
  try {
    body()
  } catch (error) {
    assert.instance(error, CertificateError)
    assert.is((error as CertificateError).data['reason'], 'malformed')
    return
  }
  assert.unreachable('accepted')
}

test('reads values one after the other as views of the same bytes', () => {
  const bytes = hex('02 01 05 30 03 01 01 ff')
  const reader = new DerReader(bytes)
  assert.is(countOf(reader.read(TAG.integer)), 5)
  assert.is(reader.optional(TAG.set), undefined)
  const inner = reader.enter(TAG.sequence)
  const flag = inner.read(TAG.boolean)
  assert.is(booleanOf(flag), true)
  assert.is(flag.content.buffer, bytes.buffer)
  inner.end()
  reader.end()
  malformed(() => reader.read())
})

test('reads long lengths in their shortest form alone', () => {
  assert.is(value(`04 81 80 ${'00'.repeat(128)}`).content.length, 128)
  assert.is(value(`04 82 01 00 ${'00'.repeat(256)}`).content.length, 256)
  malformed(() => value(`04 81 7f ${'00'.repeat(127)}`))
  malformed(() => value(`04 82 00 80 ${'00'.repeat(128)}`))
})

test('refuses indefinite, oversized and cut lengths, high tags and bytes past the end', () => {
  for (const text of [
    '30 80 00 00',
    '04 85 01 00 00 00 00',
    '04 84 ff ff ff ff',
    '04 02 00',
    '04',
    '04 82 01',
    '1f 01 00',
  ]) {
    malformed(() => value(text))
  }
  malformed(() => readOnly(hex('05 00 00'), TAG.null))
  malformed(() => readOnly(hex('05 00'), TAG.integer))
})

test('reads small integers, booleans and bit strings strictly', () => {
  assert.is(countOf(value('02 02 00 80')), 128)
  for (const text of ['02 00', '02 01 80', '02 02 00 7f', '02 06 01 00 00 00 00 00'])
    malformed(() => countOf(value(text)))
  for (const text of ['01 00', '01 01 01', '01 02 ff ff']) malformed(() => booleanOf(value(text)))
  assert.equal(bitsOf(value('03 02 05 a0')), [true, false, true])
  for (const text of ['03 00', '03 02 08 00', '03 01 01']) malformed(() => bitsOf(value(text)))
})

test('reads object identifiers', () => {
  assert.is(oidOf(value('06 03 55 1d 13')), '2.5.29.19')
  assert.is(oidOf(value('06 09 2a 86 48 86 f7 0d 01 01 0b')), '1.2.840.113549.1.1.11')
  assert.is(oidOf(value('06 03 88 37 03')), '2.999.3')
  for (const text of ['06 00', '06 02 55 80', '06 03 55 80 01', `06 09 ${'ff'.repeat(8)}7f`])
    malformed(() => oidOf(value(text)))
})

test('reads times of both forms, and none that does not exist', () => {
  const time = (tag: string, text: string) => {
    const bytes = Buffer.from(text)
    return timeOf(value(`${tag} ${bytes.length.toString(16).padStart(2, '0')} ${bytes.toString('hex')}`))
  }
  assert.is(time('17', '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.is(time('17', '500101000000Z'), Date.UTC(1950, 0, 1))
  assert.is(time('18', '20500101000000Z'), Date.UTC(2050, 0, 1))
  for (const text of [
    '490230000000Z',
    '4912312359Z',
    '491231235959+0100',
    '491331000000Z',
    '491231246000Z',
  ]) {
    malformed(() => time('17', text))
  }
  malformed(() => time('18', '20500101000000.5Z'))
  malformed(() => time('04', '20500101000000Z'))
})

test('reads or refuses whatever bytes it is given, never past their end', () => {
  const walk = (bytes: Uint8Array): void => {
    const reader = new DerReader(bytes)
    while (reader.tag !== undefined) {
      const one = reader.read()
      assert.ok(one.whole.length <= bytes.length && one.content.length < one.whole.length)
      for (const read of [countOf, booleanOf, bitsOf, oidOf, timeOf]) {
        try {
          read(one)
        } catch (error) {
          assert.instance(error, CertificateError)
        }
      }
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        walk(bytes)
      } catch (error) {
        assert.instance(error, CertificateError)
      }
    }),
    { numRuns: 2000 },
  )
})

test.run()
