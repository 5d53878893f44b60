import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ORIGIN_ASSIGNED_RUNS, STARVING_AFTER_MS, STARVING_FOR_MS } from '../../../src/core/limits.ts'
import { FetchPeer } from '../../../src/exchange/policy/fetch-peer.ts'
import { OriginAsks } from '../../../src/exchange/policy/origin-asks.ts'
import { unitsOf } from '../../../src/exchange/policy/units.ts'

const test = suite('origin asks')

function setUp() {
  const state = {
    missing: new Set<number>(),
    flying: new Set<number>(),
    unplanned: new Set<number>(),
    ...{ alone: false, endgame: false, stalled: false },
  }
  const idle: { sinceMs: number | undefined } = { sinceMs: 0 }
  const asks = new OriginAsks({
    isMissing: (run) => state.missing.has(run),
    isLacking: (run) => state.missing.has(run) || state.flying.has(run),
    isEndgame: () => state.endgame,
    isStalled: () => state.stalled,
    isUnplanned: (run) => state.unplanned.has(run),
    isAlone: () => state.alone,
    idleSinceMs: () => idle.sinceMs,
  })
  const init = { key: 'origin', origin: true, nearness: 0 as const, flightBytesMax: 4 << 20 }
  return { asks, state, idle, peer: new FetchPeer({ ...init, units: unitsOf(0) }) }
}

test('keeps what is not here of the runs that were assigned, planned or not', () => {
  const { asks, state, peer } = setUp()
  state.missing.add(1)
  state.flying.add(2)
  state.unplanned.add(20)
  peer.assigned = [1, 2, 3, 20]
  state.missing.clear()
  asks.ask(peer, 0)
  assert.equal(peer.assigned, [2, 20])
})

test('asks at the end only when nothing arrives any more, and says so', () => {
  const { asks, state, peer } = setUp()
  state.endgame = true
  state.flying.add(7)
  assert.is(asks.ask(peer, 0), undefined)
  state.stalled = true
  assert.is(asks.ask(peer, 0)?.starving, true)
})

test('has few runs assigned by an origin that is slow or not known, and more by a fast one', () => {
  const { asks, peer } = setUp()
  assert.is(asks.ask(peer, 0)?.count, 1)
  for (let i = 0; i < 20; i++) peer.pace.arrived(1 << 20, i, i + 1)
  assert.is(asks.ask(peer, 20)?.count, ORIGIN_ASSIGNED_RUNS)
})

test('asks no more while an ask is under way or an empty answer is fresh', () => {
  const { asks, peer } = setUp()
  peer.asking = true
  assert.is(asks.ask(peer, 0), undefined)
  peer.asking = false
  peer.askAfterMs = 200
  assert.is(asks.ask(peer, 199), undefined)
  assert.ok(asks.ask(peer, 200))
})

test('starves only when alone, after a wait', () => {
  const { asks, state, peer, idle } = setUp()
  idle.sinceMs = 0
  assert.is(asks.ask(peer, STARVING_AFTER_MS + 1)?.starving, false, 'not alone')
  state.alone = true
  assert.is(asks.ask(peer, STARVING_AFTER_MS)?.starving, false, 'not long enough')
  assert.is(asks.ask(peer, STARVING_AFTER_MS + 1)?.starving, true)
})

test('one that starved need not wait again for some seconds', () => {
  const { asks, state, peer, idle } = setUp()
  state.alone = true
  const startMs = STARVING_AFTER_MS + 1
  assert.is(asks.ask(peer, startMs)?.starving, true)
  idle.sinceMs = undefined
  assert.is(asks.ask(peer, startMs + STARVING_FOR_MS)?.starving, true)
  assert.is(asks.ask(peer, startMs + STARVING_FOR_MS + 1)?.starving, false)
})

test.run()
