import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../testnet/images/random.ts'
import { EventQueue } from '../../../testnet/sim/events.ts'

const test = suite('sim/events')

test('events happen in order of time, and of creation at the same moment', () => {
  const queue = new EventQueue()
  const random = seededRandom(1)
  const expected: { atMs: number; i: number }[] = []
  const seen: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const atMs = Math.floor(random() * 500)
    expected.push({ atMs, i })
    queue.at(atMs, { due: () => void seen.push(i) })
  }
  queue.run()
  const order = expected.sort((a, b) => a.atMs - b.atMs || a.i - b.i).map(({ i }) => i)
  assert.equal(seen, order)
  assert.is(queue.fired, 20_000)
})

test('it is a clock: timers fire once, cancelled ones never', () => {
  const queue = new EventQueue()
  const seen: string[] = []
  queue.after(5, () => {
    seen.push(`five at ${queue.monotonic()}`)
    queue.after(2, () => seen.push(`seven at ${queue.now()}`))
  })
  const cancel = queue.after(6, () => seen.push('cancelled'))
  cancel()
  queue.run()
  assert.equal(seen, ['five at 5', 'seven at 7'])
})

test('what is due in the past is due now, and time stops where it is told to', () => {
  const queue = new EventQueue()
  const seen: number[] = []
  queue.after(10, () => queue.at(3, { due: () => void seen.push(queue.now()) }))
  queue.after(30, () => seen.push(queue.now()))
  queue.run({ endMs: 20 })
  assert.equal(seen, [10])
  assert.is(queue.now(), 20)
  queue.run({ stop: () => true })
  assert.equal(seen, [10])
  queue.run()
  assert.equal(seen, [10, 30])
})

test.run()
