import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { leisure } from '../../src/exchange/leisure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('leisure')

test('comes as soon as nothing holds it any more, and at once when nothing does', async () => {
  const clock = new FakeClock()
  await leisure({ clock }, () => 0)
  let untilMs = 500
  let isOver = false
  const waited = leisure({ clock }, () => Math.max(0, untilMs - clock.monotonic())).then(() => {
    isOver = true
  })
  await clock.advance(400)
  untilMs = 800
  await clock.advance(399)
  assert.is(isOver, false)
  await clock.advance(1)
  await waited
  assert.is(clock.pending, 0)
})

test.run()
