import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SERVE_REPEATS_WATCHED_MAX } from '../../../src/core/limits.ts'
import { Repeats } from '../../../src/exchange/policy/repeats.ts'

const test = suite('repeats')

test('what was given is known by its run and its first block', () => {
  const repeats = new Repeats()
  assert.not(repeats.has(3, 0))
  repeats.gave(3, 0)
  assert.ok(repeats.has(3, 0))
  assert.not(repeats.has(3, 64), 'another part of the run')
  assert.not(repeats.has(4, 0))
})

test('remembers so many and forgets the oldest', () => {
  const repeats = new Repeats()
  for (let run = 0; run <= SERVE_REPEATS_WATCHED_MAX; run++) repeats.gave(run, 0)
  assert.not(repeats.has(0, 0))
  assert.ok(repeats.has(1, 0))
  assert.ok(repeats.has(SERVE_REPEATS_WATCHED_MAX, 0))
})

test.run()
