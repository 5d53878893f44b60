import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { retry } from '../../src/util/retry.ts'
import { failureOf } from '../fixtures/failure.ts'

const test = suite('retry')
const init = { attempts: 4, firstMs: 1, maxMs: 4, when: (error: unknown) => error instanceof RangeError }

function failing(times: number, error: Error) {
  let calls = 0
  const fn = async () => {
    calls++
    if (calls <= times) throw error
    return calls
  }
  return { fn, calls: () => calls }
}

test('tries again until it succeeds', async () => {
  assert.is(await retry(failing(3, new RangeError('x')).fn, init), 4)
})

test('gives up after so many attempts, with the last error', async () => {
  const { fn, calls } = failing(9, new RangeError('x'))
  assert.is((await failureOf(retry(fn, init))).message, 'x')
  assert.is(calls(), 4)
})

test('does not repeat what will fail again', async () => {
  const { fn, calls } = failing(9, new TypeError('final'))
  assert.is((await failureOf(retry(fn, init))).message, 'final')
  assert.is(calls(), 1)
})

test('stops when it is told to, also in a pause', async () => {
  const { fn, calls } = failing(9, new RangeError('x'))
  const stop = new AbortController()
  const slow = { ...init, firstMs: 60_000, maxMs: 60_000 }
  const result = failureOf(retry(fn, slow, { signal: stop.signal }))
  setImmediate(() => stop.abort())
  assert.is((await result).message, 'x')
  assert.is(calls(), 1)
})

test.run()
