import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ORIGIN_REASSIGN_MS_MAX,
  SPREAD_MS_MIN,
  SPREAD_REST_MS,
  SPREAD_SAMPLES_MIN,
} from '../../../src/core/limits.ts'
import { Spread } from '../../../src/exchange/policy/spread.ts'

const test = suite('spread')
const RUNS = 64

/** One in which runs are usually told after 200 ms and at a second peer after 300. */
function usual() {
  const holders = new Uint16Array(RUNS)
  const spread = new Spread({ holders })
  for (let i = 0; i < 4 * SPREAD_SAMPLES_MIN; i++) {
    spread.told(200)
    spread.spread(RUNS - 1, 300)
  }
  /** Another asks, and is there to be given something. */
  const other = (nowMs: number) => spread.isStuck('other', nowMs)
  return { spread, holders, other }
}

test('before times are known a run that nobody tells of stays with its taker for the longest time', () => {
  const spread = new Spread({ holders: new Uint16Array(RUNS) })
  spread.given('a', 1, 0)
  assert.is(spread.untoldLimitMs(1), ORIGIN_REASSIGN_MS_MAX)
  assert.is(spread.limitMs, Number.POSITIVE_INFINITY)
})

test('a run is late as soon as runs usually are not', () => {
  const { spread } = usual()
  spread.given('a', 1, 0)
  assert.is(spread.untoldLimitMs(1), SPREAD_MS_MIN)
  assert.is(spread.limitMs, SPREAD_MS_MIN)
})

test('a run that had spread before its holders left is not taken for one that was never told', () => {
  const { spread } = usual()
  spread.given('a', 1, 0)
  spread.spread(1, 300)
  assert.is(spread.untoldLimitMs(1), ORIGIN_REASSIGN_MS_MAX)
})

test('who has had to be helped rests, twice as long each time, while others ask', () => {
  const { spread, holders, other } = usual()
  other(0)
  let nowMs = 0
  for (const times of [1, 2, 4]) {
    spread.given('bad', times, nowMs)
    spread.taken(times, nowMs)
    holders[times] = 2
    assert.ok(spread.isSuspect('bad', nowMs))
    other(nowMs + times * SPREAD_REST_MS - 1)
    assert.ok(spread.isStuck('bad', nowMs + times * SPREAD_REST_MS - 1))
    nowMs += times * SPREAD_REST_MS
    other(nowMs)
    assert.not(spread.isStuck('bad', nowMs))
  }
})

test('a suspect has one run out at a time', () => {
  const { spread, holders, other } = usual()
  spread.given('bad', 1, 0)
  spread.taken(1, 0)
  holders[1] = 2
  const nowMs = SPREAD_REST_MS
  other(nowMs)
  assert.not(spread.isStuck('bad', nowMs))
  spread.given('bad', 2, nowMs)
  other(nowMs + 1)
  assert.ok(spread.isStuck('bad', nowMs + 1))
})

test('a run that reaches a second peer by itself clears its taker', () => {
  const { spread, holders, other } = usual()
  spread.given('a', 1, 0)
  spread.taken(1, 0)
  holders[1] = 2
  spread.given('a', 2, 0)
  holders[2] = 2
  spread.spread(2, 300)
  other(301)
  assert.not(spread.isSuspect('a', 301))
  assert.not(spread.isStuck('a', 301))
})

test('an only peer is never kept waiting', () => {
  const { spread } = usual()
  spread.given('only', 1, 0)
  spread.taken(1, 0)
  assert.not(spread.isStuck('only', 1))
})

test('who leaves is forgotten with what it was given', () => {
  const { spread } = usual()
  spread.given('a', 1, 0)
  spread.leave('a')
  spread.taken(1, 0)
  spread.isStuck('other', 0)
  assert.not(spread.isSuspect('a', 0))
})

test.run()
