import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { SPREAD_MS_MIN, SPREAD_SAMPLES_MIN } from '../../src/core/limits.ts'
import { Superseed } from '../../src/exchange/superseed.ts'

const test = suite('superseed')
const RUNS = 40

function ask(
  superseed: Superseed,
  have: Bitmap,
  more: { count?: number; starving?: boolean; nowMs?: number } = {},
) {
  return superseed.assign({ have, count: 8, starving: false, nowMs: 0, ...more })
}

test('assigns each run once, however many ask', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const given: number[] = []
  for (let i = 0; i < 20; i++) given.push(...ask(superseed, new Bitmap(RUNS)))
  assert.equal(
    [...given].sort((a, b) => a - b),
    Array.from({ length: RUNS }, (_, i) => i),
  )
})

test('does not assign what the asker or any other peer holds', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const mine = new Bitmap(RUNS)
  mine.set(3)
  superseed.held(5)
  const given: number[] = []
  for (let i = 0; i < 20; i++) given.push(...ask(superseed, mine))
  assert.is(given.length, RUNS - 2)
  assert.not(given.includes(3))
  assert.not(given.includes(5))
  assert.equal(ask(superseed, new Bitmap(RUNS)), [3])
})

test('assigns a run again when its taker was lost', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  while (ask(superseed, new Bitmap(RUNS)).length > 0);
  for (let run = 1; run < RUNS; run++) superseed.held(run)
  assert.equal(ask(superseed, new Bitmap(RUNS), { nowMs: 5000 }), [], 'its taker may still be storing it')
  assert.equal(ask(superseed, new Bitmap(RUNS), { nowMs: 11_000 }), [0])
  superseed.held(0)
  superseed.lost(0)
  assert.equal(ask(superseed, new Bitmap(RUNS), { nowMs: 30_000 }), [0])
})

test('a run whose taker left before it held it is assigned again at once', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const given = ask(superseed, new Bitmap(RUNS))
  superseed.left('taker', given)
  assert.equal(
    ask(superseed, new Bitmap(RUNS), { nowMs: 1 }).sort((a, b) => a - b),
    given.sort((a, b) => a - b),
  )
})

test('a peer that passes nothing on gets no new runs, and another gets those that it has', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const from = (asker: string, nowMs: number, have = new Bitmap(RUNS)) =>
    superseed.assign({ have, count: 2, starving: false, nowMs, asker })
  const others = from('shares', 0)
  for (const run of others) superseed.held(run, 500)
  for (let sample = 0; sample < SPREAD_SAMPLES_MIN; sample++) {
    superseed.held(others[0] ?? 0, 900)
    superseed.lost(others[0] ?? 0)
  }
  for (const run of others) superseed.held(run, 900)
  const stuck = from('keeps', 0)
  for (const run of stuck) superseed.held(run, 500)
  const late = 3 * SPREAD_MS_MIN + 1
  assert.is(from('shares', SPREAD_MS_MIN - 2).length, 2)
  const mine = new Bitmap(RUNS)
  for (const run of stuck) mine.set(run)
  assert.equal(from('keeps', late, mine), [])
  assert.equal(
    from('shares', late).sort((a, b) => a - b),
    stuck.sort((a, b) => a - b),
  )
})

test('an only peer gets runs however long nobody else holds them', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const have = new Bitmap(RUNS)
  for (let nowMs = 0; nowMs < RUNS * 1000; nowMs += 1000) {
    const [run] = superseed.assign({ have, count: 1, starving: false, nowMs, asker: 'only' })
    assert.is.not(run, undefined)
    have.set(run ?? 0)
    superseed.held(run ?? 0, nowMs + 500)
  }
  assert.ok(have.isFull)
})

test('gives a starving peer what it has given least', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  while (ask(superseed, new Bitmap(RUNS)).length > 0);
  for (let run = 0; run < RUNS; run++) superseed.held(run)
  assert.equal(ask(superseed, new Bitmap(RUNS)), [])
  const again = ask(superseed, new Bitmap(RUNS), { starving: true })
  assert.is(again.length, 8)
  for (const run of again) assert.is(superseed.assignedOf(run), 2)
  const more = ask(superseed, new Bitmap(RUNS), { starving: true, count: 32 })
  assert.is(new Set([...again, ...more]).size, RUNS)
})

test('gives nothing to a peer that holds everything', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  assert.equal(ask(superseed, Bitmap.full(RUNS), { starving: true }), [])
  assert.equal(ask(new Superseed({ runs: 0, random: Math.random }), new Bitmap(0), { starving: true }), [])
})

test('an ask in a huge image looks at a bounded part of the bitmap', () => {
  const runs = 1 << 20
  const superseed = new Superseed({ runs, random: Math.random })
  while (ask(superseed, new Bitmap(runs), { count: 4096 }).length > 0);
  for (let run = 0; run < runs; run++) superseed.held(run)
  let looked = 0
  const have = new Bitmap(runs)
  const has = have.has.bind(have)
  have.has = (run) => {
    looked++
    return has(run)
  }
  assert.equal(ask(superseed, have, { nowMs: 60_000 }), [])
  assert.is(ask(superseed, have, { nowMs: 60_000, starving: true }).length, 8)
  assert.ok(looked < 5000, `${looked} runs`)
})

test('a starving peer that lacks one run of a huge image gets it after some asks', () => {
  const runs = 1 << 20
  const superseed = new Superseed({ runs, random: Math.random })
  const have = Bitmap.full(runs)
  have.clear(700_001)
  while (ask(superseed, new Bitmap(runs), { count: 4096 }).length > 0);
  for (let run = 0; run < runs; run++) superseed.held(run)
  let asks = 0
  while (ask(superseed, have, { starving: true }).length === 0) asks++
  assert.ok(asks < 500, `${asks} asks`)
})

test('a run that its taker does not tell of goes to another as soon as runs are usually told', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const from = (asker: string, nowMs: number, count = 1) =>
    superseed.assign({ have: new Bitmap(RUNS), count, starving: false, nowMs, asker })
  for (let sample = 0; sample < SPREAD_SAMPLES_MIN; sample++) {
    for (const run of from('tells', sample))
      for (const afterMs of [200, 300]) superseed.held(run, sample + afterMs)
  }
  const [silent = -1] = from('silent', 100)
  while (from('tells', 200, RUNS).length > 0);
  assert.equal(from('tells', 100 + SPREAD_MS_MIN), [])
  assert.equal(from('tells', 101 + SPREAD_MS_MIN), [silent])
  assert.equal(from('silent', 101 + SPREAD_MS_MIN), [], 'it waits for its next one')
})

test('at the end a run goes to another after twice the usual time, once there is nothing else to send', () => {
  const superseed = new Superseed({ runs: RUNS, random: Math.random })
  const from = (asker: string, nowMs: number, more: { count?: number; idle?: boolean } = {}) =>
    superseed.assign({ have: new Bitmap(RUNS), count: 1, starving: false, nowMs, asker, ...more })
  const tell = (runs: readonly number[], atMs: number) => {
    for (const run of runs) for (const afterMs of [0, 100]) superseed.held(run, atMs + afterMs)
  }
  // 1 s on average, and so far from that that six deviations are more than 4 s
  for (let sample = 0; sample < 4 * SPREAD_SAMPLES_MIN; sample++)
    tell(from('tells', sample), sample + (sample % 2 === 0 ? 200 : 1800))
  const [slow = -1] = from('slow', 100)
  assert.ok(from('tells', 2600, { idle: true }).length > 0, 'what nobody was given comes first')
  const last = from('tells', 2700, { count: RUNS })
  tell(last, 2800)
  assert.equal(from('tells', 3000), [], 'not while it has something to send')
  assert.equal(from('tells', 3000, { idle: true }), [slow])
})

test.run()
