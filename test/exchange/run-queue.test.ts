import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RunQueue } from '../../src/exchange/run-queue.ts'

const test = suite('run queue')

test('gives runs in the order they came, each once', () => {
  const queue = new RunQueue(3)
  const order: number[] = []
  for (const run of [2, 0, 2, 1]) assert.is(queue.add(run), !order.includes(run) && order.push(run) > 0)
  assert.is(queue.first, 2)
  queue.shift()
  assert.ok(queue.add(2), 'it may come again, round the end')
  const rest: (number | undefined)[] = []
  for (; queue.first !== undefined; queue.shift()) rest.push(queue.first)
  assert.equal(rest, [0, 1, 2])
  queue.shift()
  assert.is(queue.first, undefined)
})

test('of no runs is empty', () => {
  assert.is(new RunQueue(0).first, undefined)
})

test.run()
