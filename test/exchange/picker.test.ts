import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../src/core/bitmap.ts'
import { Picker } from '../../src/exchange/picker.ts'

const test = suite('picker')

/** A small generator of numbers that repeats itself for a seed. */
function seeded(seed: number): () => number {
  let state = seed | 1
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
}

function bitmap(size: number, runs: readonly number[]): Bitmap {
  const map = new Bitmap(size)
  for (const run of runs) map.set(run)
  return map
}

function picker(runs: number, seed = 1): Picker {
  const made = new Picker({ runs, random: seeded(seed) })
  for (let run = 0; run < runs; run++) made.setMissing(run)
  return made
}

test('picks the run that the fewest neighbours hold', () => {
  const p = picker(4)
  p.addPeer('a', bitmap(4, [0, 1, 2]))
  p.addPeer('b', bitmap(4, [0, 1]))
  p.addPeer('c', bitmap(4, [0]))
  assert.is(p.pick('a'), 2)
  assert.is(p.pick('b'), 1)
  assert.is(p.pick('c'), 0)
  assert.is(p.pick('nobody'), undefined)
})

test('breaks ties at random', () => {
  const seen = new Set<number | undefined>()
  for (let seed = 1; seed < 60; seed++) {
    const p = picker(8, seed * 7919)
    p.addPeer('a', Bitmap.full(8))
    seen.add(p.pick('a'))
  }
  assert.ok(seen.size >= 6, `only ${seen.size} different first picks`)
})

test('never picks what is under way, held, unplanned, or not at the peer', () => {
  const p = new Picker({ runs: 5, random: seeded(3) })
  for (const run of [0, 1, 2]) p.setMissing(run)
  p.addPeer('a', bitmap(5, [0, 1, 3, 4]))
  p.started(0, 'a', 0)
  p.setHeld(1)
  assert.is(p.pick('a'), undefined)
  p.failed(0, 'a')
  assert.is(p.pick('a'), 0)
})

test('wants a run twice only at the end, from another peer, after its time', () => {
  const p = picker(2)
  p.addPeer('slow', Bitmap.full(2))
  p.addPeer('fast', Bitmap.full(2))
  p.started(0, 'slow', 100)
  assert.is(p.pickEndgame('fast', 1000), undefined, 'run 1 is still missing')
  p.started(1, 'slow', 900)
  assert.is(p.pickEndgame('fast', 50), undefined, 'too early')
  assert.is(p.pickEndgame('slow', 1000), undefined, 'the same peer')
  assert.is(p.pickEndgame('fast', 1000), 0, 'the oldest')
  p.started(0, 'fast', 1000)
  assert.equal(p.senders(0), ['slow', 'fast'])
  p.failed(0, 'slow')
  assert.is(p.isMissing(0), false, 'the other copy is still under way')
  p.failed(0, 'fast')
  assert.is(p.isMissing(0), true)
})

test('counts availability through joins, news and departures', () => {
  const events = fc.array(
    fc.record({
      peer: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('add', 'remove', 'has'),
      run: fc.nat(15),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(events, (steps) => {
      const p = picker(16)
      const model = new Map<string, Set<number>>()
      for (const { peer, what, run } of steps) {
        if (what === 'add') {
          p.addPeer(peer, bitmap(16, [run]))
          model.set(peer, new Set([run]))
        } else if (what === 'remove') {
          p.removePeer(peer)
          model.delete(peer)
        } else {
          p.peerHas(peer, run)
          model.get(peer)?.add(run)
        }
      }
      for (let run = 0; run < 16; run++) {
        assert.is(p.availability(run), [...model.values()].filter((runs) => runs.has(run)).length)
      }
    }),
  )
})

test('hands out every run exactly once when all goes well', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (runs, seed) => {
      const p = picker(runs, seed)
      p.addPeer('a', Bitmap.full(runs))
      const picked = new Set<number>()
      for (let run = p.pick('a'); run !== undefined; run = p.pick('a')) {
        assert.not(picked.has(run))
        picked.add(run)
        p.started(run, 'a', 0)
        if (run % 2 === 0) p.setHeld(run)
      }
      assert.is(picked.size, runs)
      assert.is(p.missingCount, 0)
    }),
  )
})

test('a held run that is lost is wanted again; others stay as they are', () => {
  const p = new Picker({ runs: 4, random: seeded(3) })
  for (const run of [0, 1, 2]) p.setMissing(run)
  p.setHeld(0)
  p.started(1, 'a', 0)
  for (const run of [0, 1, 2, 3]) p.setLost(run)
  assert.equal(
    [0, 1, 2, 3].map((run) => p.isMissing(run)),
    [true, false, true, false],
  )
  assert.is(p.missingCount, 2)
})

test('counts the missing runs that somebody holds, whatever happens', () => {
  const RUNS = 12
  const step = fc.tuple(fc.nat(6), fc.nat(RUNS - 1), fc.constantFrom('a', 'b'))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const p = new Picker({ runs: RUNS, random: seeded(5) })
      for (const [what, run, peer] of steps) {
        if (what === 0) p.setMissing(run)
        else if (what === 1) p.setHeld(run)
        else if (what === 2) p.addPeer(peer, bitmap(RUNS, [run]))
        else if (what === 3) p.peerHas(peer, run)
        else if (what === 4) p.removePeer(peer)
        else if (what === 5) p.isMissing(run) ? p.started(run, peer, 0) : p.failed(run, peer)
        else p.setLost(run)
      }
      const runs = Array.from({ length: RUNS }, (_, run) => run)
      const available = runs.filter((run) => p.isMissing(run) && p.availability(run) > 0)
      assert.is(p.availableCount, available.length)
    }),
  )
})

test.run()
