import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import {
  ORIGIN_ASK_RETRY_MS,
  ORIGIN_FALLBACK_BYTES_PER_SECOND,
  ORIGIN_FIRST_RUNS,
  ORIGIN_OUT_RUNS_START,
  ORIGIN_TURN_MS,
  ORIGIN_UNTOLD_RUNS_MAX,
  RUN_BYTES_MAX,
} from '../../src/core/limits.ts'
import { Asker } from '../../src/exchange/asker.ts'
import { OriginFallback } from '../../src/exchange/policy/origin-fallback.ts'
import { OriginTurns } from '../../src/exchange/policy/origin-turns.ts'
import { Superseed } from '../../src/exchange/superseed.ts'
import type { Swarm } from '../../src/exchange/swarm.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('asker')

function setUp(runs: number) {
  const clock = new FakeClock()
  const superseed = new Superseed({ runs, random: Math.random })
  const swarm = { map: { runs }, have: Bitmap.full(runs) } as unknown as Swarm
  const turns = new OriginTurns({ idleMs: () => 0 })
  const fallback = new OriginFallback({ nowMs: 0 })
  /** `firstRuns`: what it may be given before it tells of any; enough for these tests. */
  const asker = (firstRuns = ORIGIN_UNTOLD_RUNS_MAX) => {
    const made = new Asker({ clock, turns, fallback }, { swarm, superseed, firstRuns })
    /** Runs given, all of which are sent at once. */
    const ask = (count: number, starving = false): number[] => {
      const { runs } = made.ask({ count, starving })
      for (const run of runs) made.served(run, 1)
      return runs
    }
    return { made, ask, told: (runs: number[]) => made.told(runs), leave: () => made.leave() }
  }
  return { clock, superseed, swarm, turns, fallback, asker }
}

test('a peer that never tells what it got is given only so many runs', async () => {
  const { clock, asker } = setUp(2 * ORIGIN_UNTOLD_RUNS_MAX)
  const silent = asker()
  const given = new Set<number>()
  for (let i = 0; i < 400; i++) {
    for (const run of silent.ask(8)) given.add(run)
    await clock.advance(ORIGIN_TURN_MS / 4)
  }
  assert.is(given.size, ORIGIN_OUT_RUNS_START, 'the same ones again')
  await clock.advance(ORIGIN_TURN_MS)
  assert.is(asker().ask(8).length, 8, 'others are not kept out')
})

test('who comes first is given few runs until it tells of some, and then ever more', async () => {
  const { asker } = setUp(64)
  const first = asker(ORIGIN_FIRST_RUNS)
  const runs = [...first.ask(8), ...first.ask(8)]
  assert.is(runs.length, ORIGIN_FIRST_RUNS)
  const others = Array.from({ length: 4 }, () => asker(ORIGIN_FIRST_RUNS))
  for (const other of others) assert.is(other.ask(8).length, ORIGIN_FIRST_RUNS, 'there is something left')
  const alone = setUp(64)
  const only = alone.asker(ORIGIN_FIRST_RUNS)
  let given = 0
  for (let rounds = 0; rounds < 5; rounds++) {
    const more = only.ask(16)
    given = Math.max(given, more.length)
    only.told(more)
    await alone.clock.advance(ORIGIN_ASK_RETRY_MS)
  }
  assert.is(given, ORIGIN_OUT_RUNS_START)
})

test('an ask right after an empty answer costs nothing', async () => {
  const { clock, superseed, asker } = setUp(8)
  asker().ask(8)
  const late = asker()
  let assigns = 0
  const assign = superseed.assign.bind(superseed)
  superseed.assign = (request) => {
    assigns++
    return assign(request)
  }
  for (let i = 0; i < 100; i++) assert.equal(late.ask(8), [])
  assert.is(assigns, 1)
  await clock.advance(ORIGIN_ASK_RETRY_MS)
  assert.is(late.ask(8, true).length, 8)
})

test('asks are answered at a bounded rate', async () => {
  const { clock, asker } = setUp(4096)
  const eager = asker()
  const round = () => {
    let given = 0
    for (let i = 0; i < 1000; i++) {
      const runs = eager.ask(1)
      eager.told(runs)
      given += runs.length
    }
    return given
  }
  assert.is(round(), 256)
  await clock.advance(500)
  assert.is(round(), 128)
})

test('does not assign what the origin has lost', () => {
  const { swarm, asker } = setUp(8)
  swarm.have.clear(3)
  assert.is(asker().ask(8).includes(3), false)
})

test('what only a peer held that has left is given to others', () => {
  const { asker } = setUp(8)
  const [liar, honest] = [asker(), asker()]
  liar.told([0, 1, 2, 3, 4, 5, 6, 7])
  assert.equal(honest.ask(8), [])
  liar.leave()
  assert.is(asker().ask(8).length, 8)
})

test('runs that were not told yet are out, and the others wait their turn', async () => {
  const { clock, turns, asker } = setUp(4096)
  const early = asker().made
  const given: number[] = []
  for (let i = 0; i < 100; i++) given.push(...early.ask({ count: 8, starving: false }).runs)
  assert.is(given.length, ORIGIN_OUT_RUNS_START)
  const late = asker().made
  const { runs, retryMs } = late.ask({ count: 8, starving: false })
  assert.equal(runs, [])
  early.served(given[0] as number, 1)
  assert.equal(late.ask({ count: 8, starving: false }).runs, [], 'only sent')
  early.told([given[0] as number])
  early.told([given[0] as number])
  assert.equal(late.ask({ count: 8, starving: false }).runs, [], 'too soon')
  await clock.advance(retryMs)
  assert.is(late.ask({ count: 8, starving: false }).runs.length, 1)
  early.leave()
  assert.is(turns.runsOut, 1)
})

test('what a starving peer gets although others hold it is counted, and limited', () => {
  const count = ORIGIN_FALLBACK_BYTES_PER_SECOND / RUN_BYTES_MAX
  const { fallback, asker } = setUp(count + 8)
  const first = asker()
  for (let runs = first.ask(8); runs.length > 0; runs = first.ask(8)) first.told(runs)
  assert.is(fallback.runs, 0)
  let given = 0
  for (let i = 0; i < 2 * count; i++) {
    const starving = asker()
    const runs = starving.ask(1, true)
    starving.told(runs)
    given += runs.length
  }
  assert.ok(given >= count && given <= count + 8, `${given}`)
  assert.is(fallback.runs, given)
  assert.is(fallback.refused, 2 * count - given)
})

test('bytes count as fallback when others hold the run that was given, and until it has arrived', () => {
  const { fallback, asker } = setUp(4)
  const first = asker()
  first.told(first.ask(4))
  assert.is(fallback.sentBytes, 0)
  const starving = asker()
  const [run] = starving.made.ask({ count: 1, starving: true }).runs
  assert.type(run, 'number')
  starving.made.served(run as number, 100)
  starving.made.served(run as number, 20)
  assert.is(fallback.sentBytes, 120, 'what is wanted in parts counts in parts')
  starving.told([run as number])
  starving.made.served(run as number, 100)
  assert.is(fallback.sentBytes, 120)
  assert.is(fallback.runs, 1)
})

test('a run is expected from its assignment until it is told', () => {
  const { asker } = setUp(8)
  const one = asker()
  const [run = -1] = one.ask(1)
  assert.ok(one.made.expects(run))
  assert.not(one.made.expects((run + 1) % 8), 'it was not assigned')
  one.told([run])
  assert.not(one.made.expects(run))
})

test.run()
