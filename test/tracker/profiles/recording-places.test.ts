import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BusyError } from '../../../src/core/errors.ts'
import {
  BOOT_RECORDINGS_AT_ONCE_MAX,
  BOOT_RECORDINGS_BURST,
  BOOT_RECORDINGS_PER_MINUTE,
} from '../../../src/core/registry-limits.ts'
import { RecordingPlaces } from '../../../tracker/profiles/recording-places.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('places for recordings')
const isBusy = (error: unknown) => error instanceof BusyError

test('a node gives a burst, then so many a minute; another is not held up by it', async () => {
  const clock = new FakeClock()
  const places = new RecordingPlaces({ clock })
  for (let i = 0; i < BOOT_RECORDINGS_BURST; i++) places.enter('a')()
  try {
    places.enter('a')
    assert.unreachable()
  } catch (error) {
    assert.ok(isBusy(error))
    assert.is((error as BusyError).data['retryAfterSeconds'], 60 / BOOT_RECORDINGS_PER_MINUTE)
  }
  places.enter('b')()
  await clock.advance(60_000)
  for (let i = 0; i < BOOT_RECORDINGS_PER_MINUTE; i++) places.enter('a')()
  assert.throws(() => places.enter('a'), isBusy)
})

test('all together have so many places, each given back once', () => {
  const places = new RecordingPlaces({ clock: new FakeClock() })
  const leave = Array.from({ length: BOOT_RECORDINGS_AT_ONCE_MAX }, (_, i) => places.enter(`n${i}`))
  assert.throws(() => places.enter('late'), isBusy)
  for (let i = 0; i < 2; i++) leave[0]?.()
  places.enter('late')
  assert.throws(() => places.enter('later'), isBusy)
})

test.run()
