import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../../src/core/bitmap.ts'
import { FetchPeer } from '../../../src/exchange/policy/fetch-peer.ts'
import { Picker } from '../../../src/exchange/policy/picker.ts'
import { setUnit, unitsOf, unitsOfRuns } from '../../../src/exchange/policy/units.ts'
import { seeded } from '../../fixtures/seeded.ts'

const test = suite('picker')

function peerWith(size: number, units: Iterable<number>): FetchPeer {
  const have = new Bitmap(size)
  for (const unit of units) have.set(unit)
  const peer = { key: 'p', origin: false, nearness: 0 as const, flightBytesMax: 1 }
  return new FetchPeer({ ...peer, units: unitsOfRuns(have, 1) })
}

function picker(units: number, seed = 1): Picker {
  const made = new Picker({ units, random: seeded(seed) })
  for (let unit = 0; unit < units; unit++) made.setMissing(unit)
  return made
}

const all = (count: number) => Array.from({ length: count }, (_, i) => i)

test('picks the unit that the fewest neighbours hold', () => {
  const p = picker(4)
  const [a, b, c] = [peerWith(4, [0, 1, 2]), peerWith(4, [0, 1]), peerWith(4, [0])]
  for (const peer of [a, b, c]) p.addPeer(peer)
  assert.is(p.pick(a), 2)
  assert.is(p.pick(b), 1)
  assert.is(p.pick(c), 0)
  assert.is(p.pick(peerWith(4, all(4))), undefined, 'a stranger')
})

test('breaks ties at random', () => {
  const seen = new Set<number | undefined>()
  for (let seed = 1; seed < 200; seed++) {
    const p = picker(70, seed * 7919)
    const peer = peerWith(70, all(70))
    p.addPeer(peer)
    seen.add(p.pick(peer))
  }
  assert.ok(seen.size >= 50, `only ${seen.size} different first picks`)
})

test('never picks what is under way, held, unplanned, or not at the peer', () => {
  const p = new Picker({ units: 5, random: seeded(3) })
  for (const unit of [0, 1, 2]) p.setMissing(unit)
  const peer = peerWith(5, [0, 1, 3, 4])
  p.addPeer(peer)
  p.started(0)
  p.setHeld(1)
  assert.is(p.pick(peer), undefined)
  p.failed(0)
  assert.is(p.pick(peer), 0)
})

test('picks among a given set alone', () => {
  const p = picker(64)
  const peer = peerWith(64, all(64))
  p.addPeer(peer)
  const among = unitsOf(64)
  setUnit(among, 41)
  assert.is(p.pick(peer, among), 41)
  p.started(41)
  assert.is(p.pick(peer, among), undefined)
})

test('a unit is missing again when its last want has failed', () => {
  const p = picker(2)
  p.started(0)
  p.started(0)
  p.failed(0)
  assert.is(p.isMissing(0), false, 'the other is still under way')
  p.failed(0)
  assert.is(p.isMissing(0), true)
})

test('what it counts and picks is what a plain model says, whatever happens', () => {
  const UNITS = 70
  const step = fc.tuple(fc.nat(7), fc.nat(UNITS - 1), fc.nat(2))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const p = new Picker({ units: UNITS, random: seeded(5) })
      const peers = new Map<number, { peer: FetchPeer; units: Set<number> }>()
      for (const [what, unit, who] of steps) {
        const known = peers.get(who)
        if (what === 0) p.setMissing(unit)
        else if (what === 1) p.setHeld(unit)
        else if (what === 2 && known === undefined) {
          const peer = peerWith(UNITS, [unit])
          peers.set(who, { peer, units: new Set([unit]) })
          p.addPeer(peer)
        } else if (what === 3 && known !== undefined) {
          assert.is(p.peerHas(known.peer, unit), !known.units.has(unit))
          known.units.add(unit)
        } else if (what === 4 && known !== undefined) {
          p.removePeer(known.peer)
          peers.delete(who)
        } else if (what === 5) p.isMissing(unit) ? p.started(unit) : p.failed(unit)
        else if (what === 6) p.setLost(unit)
      }
      const rarity = (unit: number) => [...peers.values()].filter(({ units }) => units.has(unit)).length
      const missing = all(UNITS).filter((unit) => p.isMissing(unit))
      assert.is(p.missingCount, missing.length)
      assert.is(p.availableCount, missing.filter((unit) => rarity(unit) > 0).length)
      assert.is(p.heldCount, all(UNITS).filter((unit) => p.isHeld(unit)).length)
      for (const unit of all(UNITS)) assert.is(p.availability(unit), rarity(unit))
      for (const { peer, units } of peers.values()) {
        const open = missing.filter((unit) => units.has(unit))
        assert.is(peer.interest, open.length)
        const picked = p.pick(peer)
        if (picked === undefined) assert.is(open.length, 0)
        else {
          assert.ok(open.includes(picked))
          assert.is(rarity(picked), Math.min(...open.map(rarity)), 'the rarest')
        }
      }
    }),
  )
})

test.run()
