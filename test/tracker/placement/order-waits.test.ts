import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ORDER_WAITS_MAX } from '../../../src/core/registry-limits.ts'
import { type OrderWait, OrderWaits } from '../../../tracker/placement/order-waits.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

function setUp() {
  const clock = new FakeClock()
  const waits = new OrderWaits({ clock })
  const enter = (node: string): OrderWait => {
    const wait = waits.enter(node)
    assert.ok(wait)
    return wait
  }
  return { clock, waits, enter }
}

test('who waits is woken by name, or when the time is over', async () => {
  const { clock, waits, enter } = setUp()
  const [a, b] = [enter('a'), enter('b')]
  const done: string[] = []
  const pauses = [a.pause(1000).then(() => done.push('a')), b.pause(1000).then(() => done.push('b'))]
  waits.wake(['a', 'stranger'])
  await clock.advance(999)
  assert.equal(done, ['a'])
  await clock.advance(1)
  await Promise.all(pauses)
  assert.equal(done, ['a', 'b'])
  assert.is(clock.pending, 0)
})

test('what comes between entering and waiting is not lost, and counts once', async () => {
  const { clock, waits, enter } = setUp()
  const wait = enter('a')
  waits.wake(['a'])
  await wait.pause(1000)
  let over = false
  const again = wait.pause(1000).then(() => {
    over = true
  })
  await clock.advance(999)
  assert.not(over)
  await clock.advance(1)
  await again
})

test('a node waits once: the later request takes the place', async () => {
  const { waits, enter } = setUp()
  const first = enter('a')
  const pause = first.pause(1000)
  const second = enter('a')
  await pause
  assert.equal([first.ended, second.ended], [true, false])
  waits.leave('a', first)
  waits.wake(['a'])
  await second.pause(1000)
  waits.leave('a', second)
  assert.ok(second.ended)
})

test('no more are held than there are places', () => {
  const { waits, enter } = setUp()
  const [first] = Array.from({ length: ORDER_WAITS_MAX }, (_, i) => enter(`n${i}`))
  assert.is(waits.enter('late'), undefined)
  assert.ok(waits.enter('n1'), 'who waits already may come again')
  assert.ok(first)
  waits.leave('n0', first)
  assert.ok(waits.enter('late'))
})

test('nobody is held by a tracker that stops', async () => {
  const { waits, enter } = setUp()
  const pause = enter('a').pause(1000)
  waits.stop()
  await pause
  assert.is(waits.enter('b'), undefined)
})

test.run()
