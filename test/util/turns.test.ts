import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Turns } from '../../src/util/turns.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('turns')

test('tasks of one key run one after the other, those of others do not wait', async () => {
  const turns = new Turns()
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const slow = turns.run('a', async () => {
    await gate.promise
    order.push('slow')
  })
  const next = turns.run('a', async () => order.push('next'))
  await turns.run('b', async () => order.push('other'))
  gate.resolve()
  await Promise.all([slow, next])
  assert.equal(order, ['other', 'slow', 'next'])
})

test('a task that fails says so, and the next one runs', async () => {
  const turns = new Turns()
  const failed = turns.run('a', () => Promise.reject(new RangeError('no')))
  const next = turns.run('a', async () => 'yes')
  assert.is((await failureOf(failed)).message, 'no')
  assert.is(await next, 'yes')
})

test.run()
