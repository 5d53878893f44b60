import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseTime } from '../../src/cli/image-place.ts'

const test = suite('times of placements')

const now = new Date(2030, 0, 31, 12, 30, 15).getTime()

test('a time of day is the next one', () => {
  assert.is(parseTime('12:31', now), new Date(2030, 0, 31, 12, 31).getTime())
  assert.is(parseTime('12:30', now), new Date(2030, 1, 1, 12, 30).getTime())
  assert.is(parseTime('6:05', now), new Date(2030, 1, 1, 6, 5).getTime())
})

test('a date is of this machine, or of the zone that it names', () => {
  assert.is(parseTime('2030-02-01T06:30', now), new Date(2030, 1, 1, 6, 30).getTime())
  assert.is(parseTime('2030-02-01T06:30Z', now), Date.UTC(2030, 1, 1, 6, 30))
  assert.is(parseTime('2030-02-01T06:30+02:00', now), Date.UTC(2030, 1, 1, 4, 30))
})

test('anything else is refused', () => {
  for (const text of ['', '24:00', '6', 'noon', '2030-02-01', '2030-13-01T00:00', '1890000000000'])
    assert.throws(() => parseTime(text, now), /is no time/, text)
})

test.run()
