import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatCtime, parseBytes, parseTime, parseTimeSpan } from '../../src/core/quantity.ts'

const test = suite('quantity')

test('bytes are numbers, with units, and multiplied', () => {
  const forms: [string, number][] = [
    ['0', 0],
    ['4294967296', 4 * 1024 ** 3],
    ['4*1024*1024', 4 * 1024 ** 2],
    [' 4 * 1024 ', 4096],
    ['4GiB', 4 * 1024 ** 3],
    ['4G', 4 * 1024 ** 3],
    ['1.5 GB', 1_500_000_000],
    ['2*1.5MiB', 3 * 1024 ** 2],
    ['10kb', 10_000],
  ]
  for (const [text, bytes] of forms) assert.is(parseBytes(text), bytes, text)
})

test('what is no number of bytes is none', () => {
  const texts = [
    '',
    '*',
    '4*',
    '-1',
    '1e9',
    '0x10',
    '4 apples',
    '1.5',
    '99999999 TiB',
    '2**3',
    '(4)',
    `1${'*1'.repeat(60)}`,
  ]
  for (const text of texts) assert.is(parseBytes(text), undefined, text)
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bytes = parseBytes(text)
      return bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0)
    }),
  )
})

test('times have the forms of ISO 8601, of the epoch and of ctime', () => {
  const at = Date.UTC(2010, 10, 11, 0, 4, 59)
  const forms = [
    ...[
      '2010-11-11T00:04:59Z',
      '2010-11-11 00:04:59',
      '2010-11-11T01:04:59+01:00',
      '2010-11-10T19:04:59-0500',
    ],
    ...[String(at / 1000), 'Thu Nov 11 00:04:59 2010'],
  ]
  for (const form of forms) assert.is(parseTime(form), at, form)
  assert.is(parseTime('2010-11-11'), Date.UTC(2010, 10, 11))
  assert.is(parseTime('2010-11-11T00:04:59.25Z'), at + 250)
  assert.is(parseTime('Wed Nov  3 09:00:00 2010'), Date.UTC(2010, 10, 3, 9))
})

test('days that are not in the calendar, and other texts, are no times', () => {
  const texts = ['', 'tomorrow', '2010-02-30', '2010-13-01', '2010-01-01T25:00', '2010-01-01T00:60', '-1']
  for (const text of [...texts, '1289433899000', 'Thu Foo 11 00:04:59 2010', '0000-01-01'])
    assert.is(parseTime(text), undefined, text)
})

test('a time names as much as it says', () => {
  const lengths: Record<string, number> = {
    '2030-11-11': 86_400_000,
    '2030-11-11T09:30': 60_000,
    '2030-11-11 09:30Z': 60_000,
    '2030-11-11T09:30:00+01:00': 1000,
    '1920585899': 1000,
    '2030-11-11T09:30:00.5Z': 1,
    'Mon Nov 11 00:04:59 2030': 1000,
  }
  for (const [text, ms] of Object.entries(lengths)) {
    const span = parseTimeSpan(text)
    assert.is(span && span.endMs - span.startMs, ms, text)
  }
})

test('what is written in the form of ctime is read again', () => {
  assert.is(formatCtime(Date.UTC(2010, 10, 11, 0, 4, 59)), 'Thu Nov 11 00:04:59 2010')
  assert.is(formatCtime(Date.UTC(2010, 10, 3)), 'Wed Nov  3 00:00:00 2010')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
      assert.is(parseTime(formatCtime(seconds * 1000)), seconds * 1000)
      assert.is(parseTime(new Date(seconds * 1000).toISOString()), seconds * 1000)
    }),
  )
})

test.run()
