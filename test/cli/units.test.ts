import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatBytes, formatSeconds, formatShare, printable } from '../../src/cli/units.ts'

const test = suite('units')

test('bytes get the unit that keeps them short', () => {
  const shown = [0, 1023, 1024, 1536, 102_400, 1024 ** 3, 64 * 1024 ** 4].map(formatBytes)
  assert.equal(shown, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '100 KiB', '1.0 GiB', '64.0 TiB'])
})

test('times are read as people say them', () => {
  assert.equal([0.04, 9.94, 10, 59.4, 75, 3600, 7260].map(formatSeconds), [
    '0.0 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 15 s',
    '1 h 0 min',
    '2 h 1 min',
  ])
})

test('a share is never rounded up to all, and all of nothing is all', () => {
  assert.is(formatShare(999, 1000), '99 %')
  assert.is(formatShare(0, 0), '100 %')
})

test('control characters from elsewhere do not reach the terminal', () => {
  assert.is(printable('a\x1b[31mb\nc\u202ed\u009be'), 'a?[31mb?c?d?e')
})

test.run()
