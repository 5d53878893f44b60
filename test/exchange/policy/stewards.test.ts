import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RACK_NAMES_MAX, STEWARD_WAIT_MS } from '../../../src/core/limits.ts'
import { FetchPeer } from '../../../src/exchange/policy/fetch-peer.ts'
import { Rack } from '../../../src/exchange/policy/rack.ts'
import { Stewards } from '../../../src/exchange/policy/stewards.ts'
import { hasUnit, unitsOf } from '../../../src/exchange/policy/units.ts'

const test = suite('stewards')
const RUNS = 400
const NAMES = ['a', 'b', 'c', 'd']

function stewardsOf(self: string, parts = 1): Stewards {
  const made = new Stewards({ runs: RUNS, parts, self })
  made.setMates(NAMES.filter((name) => name !== self))
  return made
}

const runs = Array.from({ length: RUNS }, (_, run) => run)

test('each run has one steward in a rack, whoever computes it, and all have about as many', () => {
  const rack = NAMES.map((name) => stewardsOf(name))
  for (const run of runs) assert.is(rack.filter((one) => one.isSteward(run)).length, 1)
  for (const one of rack) {
    const count = runs.filter((run) => one.isSteward(run)).length
    assert.ok(count > RUNS / 8 && count < RUNS / 2, `${count}`)
  }
})

test('a mate that is gone leaves its runs to the others, and theirs stay with them', () => {
  const before = stewardsOf('a')
  const own = runs.filter((run) => before.isSteward(run))
  before.setMates(['b', 'c'])
  assert.ok(own.every((run) => before.isSteward(run)))
  assert.ok(runs.filter((run) => before.isSteward(run)).length > own.length)
})

test('places stand for names: each run has one steward, all have about as many, and a rack that grows moves few', () => {
  const rackOf = (of: number) =>
    Array.from({ length: of }, (_, place) => {
      const made = new Stewards({ runs: RUNS, parts: 1, self: 'any' })
      made.setPlace({ place, of })
      return made
    })
  const [small, large] = [rackOf(40), rackOf(50)]
  for (const rack of [small, large]) {
    for (const run of runs) assert.is(rack.filter((one) => one.isSteward(run)).length, 1)
    assert.ok(rack.every((one) => runs.filter((run) => one.isSteward(run)).length < 25))
  }
  const same = runs.filter((run) => small.some((one, at) => one.isSteward(run) && large[at]?.isSteward(run)))
  assert.ok(same.length > RUNS * 0.7, `${same.length}`)
})

test('a steward whose place is not taken is replaced like one that is silent', () => {
  const rack = Array.from({ length: 9 }, (_, place) => {
    const made = new Stewards({ runs: RUNS, parts: 1, self: 'any' })
    made.setPlace({ place, of: 10 })
    for (const run of runs) made.outsiderHas(run, 0)
    return made
  })
  const orphans = runs.filter((run) => !rack.some((one) => one.isSteward(run)))
  assert.ok(orphans.length > 0)
  for (const one of rack) one.refresh(STEWARD_WAIT_MS * 4)
  assert.ok(orphans.every((run) => rack.some((one) => hasUnit(one.allowed, run))))
})

test('a rack goes by its places only while it has more peers than are known by name', () => {
  const one = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  const named = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  named.know(NAMES, 0)
  const outsider = new FetchPeer({
    ...{ key: 'outsider', origin: false, nearness: 0, flightBytesMax: 1 },
    units: unitsOf(RUNS).fill(-1),
  })
  assert.is(one.allowed(outsider), undefined)
  one.placed({ place: 0, of: 4 }, 0)
  const byPlace = [...(one.allowed(outsider) ?? [])]
  assert.is.not(byPlace.length, 0)
  one.know(NAMES, 0)
  const byName = [...(one.allowed(outsider) ?? [])]
  assert.equal(byName, [...(named.allowed(outsider) ?? [])])
  assert.is.not(byName.join(), byPlace.join())
})

test('of a rack with ever new names the last are known, and it goes by its places', () => {
  const one = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  const placed = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  const joined = { origin: false, nearness: 2, flightBytesMax: 1 } as const
  const mate = new FetchPeer({ key: 'mate', ...joined, units: unitsOf(RUNS).fill(1) })
  const outsider = new FetchPeer({ key: 'outsider', ...joined, nearness: 0, units: unitsOf(RUNS).fill(-1) })
  for (const rack of [one, placed]) rack.joined(mate, 0)
  const place = { place: 3, of: RACK_NAMES_MAX + 2 }
  placed.placed(place, 0)
  for (let i = 0; i < 20 * RACK_NAMES_MAX; i++) one.know([`mate ${i}`], i)
  const byNames = [...(one.allowed(outsider) ?? [])]
  const last = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  last.joined(mate, 0)
  const names = Array.from({ length: RACK_NAMES_MAX - 1 }, (_, i) => `mate ${20 * RACK_NAMES_MAX - 1 - i}`)
  last.know(names, 0)
  assert.equal(byNames, [...(last.allowed(outsider) ?? [])], 'the last, and who has joined')
  one.placed(place, 0)
  assert.equal([...(one.allowed(outsider) ?? [])], [...(placed.allowed(outsider) ?? [])])
})

test('only the own runs may come from outside, and nothing that the rack holds', () => {
  const one = stewardsOf('a', 4)
  const own = runs.find((run) => one.isSteward(run)) ?? 0
  const other = runs.find((run) => !one.isSteward(run)) ?? 0
  assert.is(hasUnit(one.allowed, own * 4 + 1), true)
  assert.is(hasUnit(one.allowed, other * 4 + 1), false)
  one.mateHas(own * 4 + 1, 0)
  assert.is(hasUnit(one.allowed, own * 4 + 1), false)
  assert.is(hasUnit(one.allowed, own * 4 + 2), true, 'another part')
  one.mateLost(own * 4 + 1)
  assert.is(hasUnit(one.allowed, own * 4 + 1), true)
})

test('a run that its steward does not bring is open to the next after a wait, to others later', () => {
  const rack = NAMES.map((name) => stewardsOf(name))
  for (const one of rack) one.outsiderHas(7, 1000)
  const open = (nowMs: number) => {
    for (const one of rack) one.refresh(nowMs)
    return rack.filter((one) => hasUnit(one.allowed, 7)).length
  }
  assert.is(open(1000), 1)
  assert.is(open(1000 + STEWARD_WAIT_MS), 2)
  assert.is(open(1000 + 2 * STEWARD_WAIT_MS), 3)
  assert.is(open(1000 + 3 * STEWARD_WAIT_MS), 4)
})

test('waits longer where runs take long into the rack', () => {
  const one = stewardsOf('a')
  for (const run of runs) one.outsiderHas(run, 0)
  for (const run of runs) if (!one.isSteward(run)) one.mateHas(run, 10_000)
  assert.ok(one.waitMs > 20_000, `${one.waitMs}`)
})

test('a rack whose time has come says when it has the next thing to say, and never again in the past', () => {
  const rack = new Rack({ runs: RUNS, parts: 1, self: 'a' })
  rack.know(NAMES, 0)
  const outsider = new FetchPeer({
    ...{ key: 'outsider', origin: false, nearness: 0, flightBytesMax: 1 },
    units: unitsOf(RUNS).fill(-1),
  })
  rack.joined(outsider, 10)
  for (let nowMs = 10; nowMs < 10 * STEWARD_WAIT_MS; nowMs += STEWARD_WAIT_MS / 3) {
    rack.refresh(nowMs)
    assert.ok(rack.wakeMs > nowMs, `woken for ${rack.wakeMs} at ${nowMs}`)
  }
  assert.is(rack.wakeMs, Number.POSITIVE_INFINITY)
  assert.ok(runs.every((run) => hasUnit(rack.allowed(outsider) ?? new Uint32Array(), run)))
})

test.run()
