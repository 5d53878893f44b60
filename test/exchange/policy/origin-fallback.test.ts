import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUN_BYTES_MAX } from '../../../src/core/limits.ts'
import { OriginFallback } from '../../../src/exchange/policy/origin-fallback.ts'

const test = suite('origin fallback')

test('what is given a second time is counted and held to its limit', () => {
  const fallback = new OriginFallback({ bytesPerSecond: 10 * RUN_BYTES_MAX, nowMs: 0 })
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) if (fallback.allows(nowMs)) fallback.gave(1, nowMs)
  assert.ok(fallback.runs >= 600 && fallback.runs <= 612, `${fallback.runs}`)
  assert.is(fallback.refused, 6000 - fallback.runs)
})

test('a limit of zero lets nothing pass', () => {
  const fallback = new OriginFallback({ bytesPerSecond: 0, nowMs: 0 })
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1000) if (fallback.allows(nowMs)) fallback.gave(8, nowMs)
  assert.is(fallback.runs, 0)
})

test.run()
