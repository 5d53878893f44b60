import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TokenBucket } from '../../../src/exchange/policy/token-bucket.ts'

const test = suite('token bucket')

test('what passes in any time is at most the burst, the rate times it, and one that is under way', () => {
  const amounts = fc.array(fc.record({ amount: fc.integer({ min: 1, max: 2000 }), restMs: fc.nat(500) }))
  fc.assert(
    fc.property(amounts, fc.integer({ min: 1, max: 10_000 }), (steps, perSecond) => {
      const bucket = new TokenBucket({ perSecond, burst: 1000, nowMs: 0 })
      const passed: { atMs: number; amount: number }[] = []
      let nowMs = 0
      for (const { amount, restMs } of steps) {
        nowMs += restMs
        nowMs += bucket.waitMs(nowMs)
        assert.is(bucket.waitMs(nowMs), 0, 'what it says to wait is enough')
        bucket.take(amount, nowMs)
        passed.push({ atMs: nowMs, amount })
      }
      for (let from = 0; from < passed.length; from++) {
        let sum = 0
        for (const { atMs, amount } of passed.slice(from)) {
          const seconds = (atMs - (passed[from]?.atMs ?? 0)) / 1000
          assert.ok(sum <= 1000 + perSecond * seconds + 1e-6, `${sum} in ${seconds} s`)
          sum += amount
        }
      }
    }),
  )
})

test('a rest is worth no more than the burst', () => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 50, nowMs: 0 })
  bucket.take(51, 1e9)
  assert.is(bucket.waitMs(1e9), 10)
  assert.is(bucket.waitMs(1e9 + 11), 0)
})

test.run()
