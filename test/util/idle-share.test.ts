import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { coreTimes, IdleShare } from '../../src/util/idle-share.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('idle share')

test('says what share of the cores had no work since the look before', async () => {
  const clock = new FakeClock()
  let times = { idle: 1000, total: 5000 }
  const idle = new IdleShare({ clock, times: () => times })
  assert.is(idle.share, 1)
  times = { idle: 1500, total: 7000 }
  assert.is(idle.share, 1)
  await clock.advance(1000)
  assert.is(idle.share, 0.25)
  times = { idle: 3500, total: 9000 }
  await clock.advance(999)
  assert.is(idle.share, 0.25)
  await clock.advance(1)
  assert.is(idle.share, 1)
})

test('keeps what it said when nothing was counted', async () => {
  const clock = new FakeClock()
  const idle = new IdleShare({ clock, times: () => ({ idle: 5, total: 5 }) })
  await clock.advance(5000)
  assert.is(idle.share, 1)
})

test('the system counts times of cores', () => {
  const { idle, total } = coreTimes()
  assert.ok(idle > 0 && total >= idle)
})

test.run()
