import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Allowance } from '../../src/exchange/allowance.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('allowance')

test('gives what it has at once, then by the second, and never saves more than that', async () => {
  const clock = new FakeClock()
  const allowance = new Allowance({ clock }, { max: 3, perSecond: 2 })
  const takeAll = () => {
    let taken = 0
    while (allowance.take()) taken++
    return taken
  }
  assert.is(takeAll(), 3)
  assert.ok(allowance.spent)
  await clock.advance(1000)
  assert.is(takeAll(), 2)
  await clock.advance(60_000)
  assert.is(takeAll(), 3)
})

test.run()
