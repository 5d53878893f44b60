import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Judged, judge } from '../../../testnet/sim/judge.ts'
import { SCENARIOS, type Scenario } from '../../../testnet/sim/scenarios.ts'
import { settingOf } from '../../../testnet/sim/setting.ts'

const test = suite('sim/play')
const MiB = 1024 * 1024

function run(name: string, { seed = 1, ...changes }: Partial<Scenario> & { seed?: number } = {}): Judged {
  const scenario = { ...(SCENARIOS[name] as Scenario), ...changes }
  return judge(scenario, settingOf(scenario, { seed }))
}

/** What is the same whenever the seed is. */
function resultOf({ played: { cost: _, ...result } }: Judged): string {
  return JSON.stringify(result)
}

const SMALLER = { nodes: 40, sizeBytes: 64 * MiB }

test('the same seed gives the same result to the byte, another one another', () => {
  const first = resultOf(run('nodes-die', { ...SMALLER, seed: 3 }))
  assert.is(resultOf(run('nodes-die', { ...SMALLER, seed: 3 })), first)
  assert.is.not(resultOf(run('nodes-die', { ...SMALLER, seed: 4 })), first)
})

/** Below what the scenario asks for: what 200 nodes reach today, so that a change that makes it worse is seen. */
test('two hundred nodes are complete within half again of the bound, for little more than one copy of the origin', () => {
  const { figures } = run('small', { sizeBytes: 128 * MiB }).played
  assert.is(figures.unfinished, 0)
  assert.ok(figures.p99 <= 1.5, `p99 is ${figures.p99}`)
  assert.ok(figures.originCopies <= 1.3, `the origin sent ${figures.originCopies} copies`)
  assert.ok(figures.duplicateShare <= 0.01, `${figures.duplicateShare} of the bytes came twice`)
})

test('nobody is faster than the bound', () => {
  const { figures } = run('two-racks', SMALLER).played
  assert.is(figures.unfinished, 0)
  assert.ok(figures.last >= 1, `the last at ${figures.last}`)
  assert.ok(figures.originCopies >= 1)
  assert.ok((figures.crossRackCopies ?? 0) >= 1)
})

test('everybody ends with a tracker that dies, a rack that was cut off, and odd peers', () => {
  for (const name of ['tracker-dies', 'rack-cut', 'silent', 'lying', 'corrupt', 'flood']) {
    const { unfinished } = run(name, { ...SMALLER, goals: [] }).played.figures
    assert.is(unfinished, 0, name)
  }
})

test.run()
