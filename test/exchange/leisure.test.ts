import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { leisure } from '../../src/exchange/leisure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('leisure')

test('comes as soon as nothing holds it any more, and at once when nothing does', async () => {
  const clock = new FakeClock()
  await leisure({ clock }, { holdMs: () => 0, untilMs: Number.POSITIVE_INFINITY })
  let untilMs = 500
  let isOver = false
  const holdMs = () => Math.max(0, untilMs - clock.monotonic())
  const waited = leisure({ clock }, { holdMs, untilMs: 5000 }).then(() => {
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

test('does not wait longer than it may', async () => {
  const clock = new FakeClock()
  let isOver = false
  const waited = leisure({ clock }, { holdMs: () => 400, untilMs: 1000 }).then(() => {
    isOver = true
  })
  await clock.advance(999)
  assert.is(isOver, false)
  await clock.advance(1)
  await waited
  await leisure({ clock }, { holdMs: () => 400, untilMs: 1000 })
  assert.is(clock.pending, 0)
})

test.run()
