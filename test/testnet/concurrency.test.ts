import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mapLimit } from '../../testnet/concurrency.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('testnet concurrency')

test('keeps the order of results and the bound', async () => {
  let now = 0
  let most = 0
  const results = await mapLimit([5, 1, 3, 2, 4], 2, async (n) => {
    most = Math.max(most, ++now)
    await sleep(n)
    now--
    return n * 10
  })
  assert.equal(results, [50, 10, 30, 20, 40])
  assert.is(most, 2)
})

test('starts no more after a failure, and waits for what runs before it fails', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const work = async (n: number) => {
    begun.push(n)
    await sleep(n === 0 ? 1 : 20)
    ended.push(n)
    if (n === 0) throw new RangeError('first')
  }
  const error = await failureOf(mapLimit([0, 1, 2, 3], 2, work))
  assert.is(error.message, 'first')
  assert.equal(begun, [0, 1])
  assert.equal(ended, [0, 1])
})

test.run()
