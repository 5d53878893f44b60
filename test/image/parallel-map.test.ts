import { setImmediate } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parallelMap } from '../../src/image/parallel-map.ts'

const test = suite('parallel map')

async function* numbers(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) yield i
}

test('keeps the order and the number of calls under way', async () => {
  let running = 0
  let most = 0
  const map = parallelMap(3, async (n: number) => {
    most = Math.max(most, ++running)
    for (let turns = 0; turns < 5 - (n % 5); turns++) await setImmediate()
    running--
    return n * 2
  })
  const results: number[] = []
  for await (const result of map(numbers(20))) results.push(result)
  assert.equal(
    results,
    Array.from({ length: 20 }, (_, i) => i * 2),
  )
  assert.is(most, 3)
})

test('an error ends it, after the calls under way', async () => {
  let running = 0
  const map = parallelMap(4, async (n: number) => {
    running++
    for (let turns = 0; turns < n; turns++) await setImmediate()
    running--
    if (n === 2) throw new RangeError('two')
    return n
  })
  const results: number[] = []
  try {
    for await (const result of map(numbers(100))) results.push(result)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, RangeError)
  }
  assert.equal(results, [0, 1])
  assert.is(running, 0)
})

test('a consumer that stops ends its source', async () => {
  let ended = false
  async function* source(): AsyncGenerator<number> {
    try {
      for (;;) yield 1
    } finally {
      ended = true
    }
  }
  for await (const _ of parallelMap(2, async (n: number) => n)(source())) break
  assert.ok(ended)
})

test.run()
