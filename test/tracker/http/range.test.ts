import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { matchesEtag, parseRange } from '../../../tracker/http/range.ts'

const test = suite('range')

test('understands a single range', () => {
  assert.equal(parseRange('bytes=0-0', 10), { start: 0, end: 1 })
  assert.equal(parseRange('bytes=3-', 10), { start: 3, end: 10 })
  assert.equal(parseRange('bytes=3-99', 10), { start: 3, end: 10 })
  assert.equal(parseRange('bytes=-4', 10), { start: 6, end: 10 })
  assert.equal(parseRange('bytes=-40', 10), { start: 0, end: 10 })
})

test('knows what cannot be given', () => {
  for (const [header, size] of [
    ['bytes=10-', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ] as const) {
    assert.is(parseRange(header, size), 'unsatisfiable')
  }
})

test('takes what is malformed or of several ranges as the whole', () => {
  for (const header of [
    undefined,
    '',
    'bytes=',
    'bytes=-',
    'bytes=5-3',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=a-b',
    `bytes=${'9'.repeat(40)}-`,
  ]) {
    assert.is(parseRange(header, 10), undefined)
  }
})

test('never leaves the whole', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
      ),
      fc.nat(1e6),
      (header, size) => {
        const range = parseRange(header, size)
        if (typeof range !== 'object') return
        assert.ok(range.start >= 0 && range.start < range.end && range.end <= size)
      },
    ),
  )
})

test('compares entity tags', () => {
  assert.ok(matchesEtag('"a", W/"b"', '"b"'))
  assert.ok(matchesEtag('*', '"b"'))
  assert.not.ok(matchesEtag('"a"', '"b"'))
  assert.not.ok(matchesEtag(undefined, '"b"'))
})

test.run()
