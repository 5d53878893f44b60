import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUN_BYTES_MAX } from '../../../src/core/limits.ts'
import type { TrafficClass } from '../../../src/core/traffic-class.ts'
import { RateLimit, type Rates } from '../../../src/exchange/policy/rate-limit.ts'

const test = suite('rate limit')
const MiB = 1024 * 1024

/** Bytes of a class that pass in `seconds` when it takes what it can get, a run at a time. */
function passed(rates: Rates, of: TrafficClass, seconds: number): number {
  const limit = new RateLimit(rates, 0)
  let bytes = 0
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += 1) {
    for (let i = 0; i < 50 && limit.waitMs(of, nowMs) === 0; i++) {
      limit.take(of, RUN_BYTES_MAX, nowMs)
      bytes += RUN_BYTES_MAX
    }
  }
  return bytes
}

test('without limits everything passes at once', () => {
  const limit = new RateLimit({}, 0)
  limit.take('background', 1e15, 0)
  assert.is(limit.waitMs('background', 0), 0)
})

test('a class gets its rate, within a burst', () => {
  const got = passed({ backgroundBytesPerSecond: 4 * MiB }, 'background', 30)
  assert.ok(got >= 120 * MiB && got <= 123 * MiB, `${got / MiB} MiB`)
})

test('the limit of one class is none of the others', () => {
  const limit = new RateLimit({ backgroundBytesPerSecond: 1, requestedBytesPerSecond: 1e9 }, 0)
  limit.take('background', 1e9, 0)
  for (const each of ['guest', 'boot', 'requested'] as const) assert.is(limit.waitMs(each, 0), 0)
  assert.ok(limit.waitMs('background', 0) > 0)
})

test('the limit of all holds all but guest reads, and counts them', () => {
  const limit = new RateLimit({ bytesPerSecond: MiB }, 0)
  limit.take('guest', 11 * MiB, 0)
  assert.is(limit.waitMs('guest', 0), 0)
  for (const each of ['boot', 'requested', 'background'] as const)
    assert.is(limit.waitMs(each, 0), 10_000, each)
})

test('the lower of two limits holds', () => {
  const got = passed({ bytesPerSecond: 2 * MiB, requestedBytesPerSecond: 8 * MiB }, 'requested', 30)
  assert.ok(got >= 60 * MiB && got <= 63 * MiB, `${got / MiB} MiB`)
})

test.run()
