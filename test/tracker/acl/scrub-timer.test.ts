import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../../src/core/log.ts'
import { CHAIN_SCRUB_INTERVAL_MS } from '../../../src/core/registry-limits.ts'
import { ScrubTimer } from '../../../tracker/acl/scrub-timer.ts'
import { FakeClock } from '../../fixtures/fake-clock.ts'

const test = suite('scrub timer')

function setUp(problems: { target: string; problem: string; repaired: boolean }[] = []) {
  const clock = new FakeClock()
  const errors: string[] = []
  const state = { runs: 0, errors, clock }
  const log: Log = { debug() {}, info() {}, warn() {}, error: (_, message) => void errors.push(message) }
  const scrub = async () => {
    state.runs++
    if (state.runs === 2) throw new RangeError('disk')
    return { chains: 1, statements: 1, renewed: 0, problems }
  }
  return { ...state, state, timer: new ScrubTimer({ scrub, clock, log }) }
}

test('reads at the start and then again and again, whatever fails', async () => {
  const { clock, state, timer } = setUp()
  await clock.advance(0)
  assert.is(state.runs, 1)
  await clock.advance(CHAIN_SCRUB_INTERVAL_MS)
  await clock.advance(CHAIN_SCRUB_INTERVAL_MS)
  assert.is(state.runs, 3)
  assert.equal(state.errors, ['the reading of signed chains failed'])
  await timer.stop()
  assert.is(clock.pending, 0)
})

test('says what is wrong', async () => {
  const { clock, state, timer } = setUp([{ target: 'x', problem: 'y', repaired: false }])
  await clock.advance(0)
  await timer.stop()
  assert.equal(state.errors, ['signed chains have problems'])
})

test.run()
