import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FIRST_DIALS, FIRST_DIALS_MS } from '../../src/core/limits.ts'
import { DialQueue } from '../../src/exchange/dial-queue.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('dial queue')
const FIRST = Array.from({ length: FIRST_DIALS }, (_, i) => i)

function setUp() {
  const clock = new FakeClock()
  const queue = new DialQueue({ clock })
  const started: number[] = []
  const dials = (count: number) => Array.from({ length: count }, (_, i) => () => void started.push(i))
  return { clock, queue, started, dials }
}

test('dials few at first, and the others a moment later, in order', async () => {
  const { clock, queue, started, dials } = setUp()
  queue.add(dials(6))
  assert.equal(started, FIRST)
  await clock.advance(FIRST_DIALS_MS - 1)
  assert.equal(started, FIRST)
  await clock.advance(1)
  assert.equal(started, [0, 1, 2, 3, 4, 5])
})

test('dials the others when one of the first has failed', () => {
  const { clock, queue, started, dials } = setUp()
  queue.add(dials(4))
  queue.hurry()
  assert.equal(started, [0, 1, 2, 3])
  assert.is(clock.pending, 0)
})

test('who comes later waits for the same moment, and for none after it', async () => {
  const { clock, queue, started, dials } = setUp()
  queue.add(dials(1))
  await clock.advance(FIRST_DIALS_MS - 10)
  queue.add(dials(3))
  assert.equal(started, [0, 0])
  await clock.advance(10)
  assert.equal(started, [0, 0, 1, 2])
  queue.add(dials(3))
  assert.is(started.length, 7)
})

test('starts nothing after its end', async () => {
  const { clock, queue, started, dials } = setUp()
  queue.add(dials(4))
  queue.stop()
  await clock.advance(FIRST_DIALS_MS)
  assert.equal(started, FIRST)
})

test.run()
