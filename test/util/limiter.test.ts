import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Limiter } from '../../src/util/limiter.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('limiter')

test('so many run at once, the others in their order', async () => {
  const limiter = new Limiter({ max: 2 })
  const started: number[] = []
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>())
  const done = gates.map((gate, i) =>
    limiter.run(async () => {
      started.push(i)
      await gate.promise
      return i
    }),
  )
  await Promise.resolve()
  assert.equal(started, [0, 1])
  gates[1]?.resolve()
  assert.is(await done[1], 1)
  assert.equal(started, [0, 1, 2])
  for (const gate of gates) gate.resolve()
  assert.equal(await Promise.all(done), [0, 1, 2, 3])
})

test('a task that fails makes room', async () => {
  const limiter = new Limiter({ max: 1 })
  const failing = limiter.run(async () => {
    throw new RangeError('no')
  })
  assert.is((await failureOf(failing)).message, 'no')
  assert.is(await limiter.run(async () => 7), 7)
})

test.run()
