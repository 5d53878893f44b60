import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  PEER_RETRY_MS,
  SERVING_NEWCOMER_MS,
  SERVING_NEWCOMER_PLACES,
  SERVING_PLACES_MAX,
} from '../../../src/core/limits.ts'
import { ServingPlaces } from '../../../src/exchange/policy/serving-places.ts'

const test = suite('serving places')

function full(bytes: Map<string, number> = new Map()) {
  const places = new ServingPlaces()
  const bytesOf = (peer: string) => bytes.get(peer) ?? 0
  const enter = (peer: string, nowMs: number) => places.enter(peer, nowMs, bytesOf)
  for (let i = 0; i < SERVING_PLACES_MAX; i++) enter(`early-${i}`, 0)
  return { places, bytes, enter }
}

test('while all are newcomers the next one is told to try elsewhere', () => {
  const { enter } = full()
  assert.equal(enter('late', SERVING_NEWCOMER_MS - 1), { admitted: false, retryMs: PEER_RETRY_MS })
})

test('a newcomer displaces the one with the fewest bytes for its time', () => {
  const { places, bytes, enter } = full()
  for (let i = 0; i < SERVING_PLACES_MAX; i++) bytes.set(`early-${i}`, i === 5 ? 10 : 1000 + i)
  assert.equal(enter('late', SERVING_NEWCOMER_MS), { admitted: true, displaced: 'early-5' })
  assert.is(places.size, SERVING_PLACES_MAX)
  assert.not(places.has('early-5'))
})

test('newcomers displace only as many as places are kept for them', () => {
  const { enter } = full()
  const answers = Array.from({ length: 10 }, (_, i) => enter(`late-${i}`, SERVING_NEWCOMER_MS))
  assert.is(answers.filter(({ admitted }) => admitted).length, SERVING_NEWCOMER_PLACES)
  assert.is(enter('later', 2 * SERVING_NEWCOMER_MS).admitted, true, 'those are established now')
})

test('a place is free when the peer has left in every channel', () => {
  const { places, enter } = full()
  enter('early-0', 1)
  places.leave('early-0')
  assert.is(enter('late', 2).admitted, false)
  places.leave('early-0')
  assert.is(enter('late', 3).admitted, true)
})

test('whatever happens, there are never more than the places', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(40), fc.nat(20_000)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (all) => {
      const places = new ServingPlaces()
      let nowMs = 0
      for (const [leaves, peer, laterMs] of all) {
        nowMs += laterMs
        if (leaves) places.leave(`${peer}`)
        else {
          const answer = places.enter(`${peer}`, nowMs, () => peer)
          assert.is(places.has(`${peer}`), answer.admitted)
          if (answer.admitted && answer.displaced !== undefined) assert.not(places.has(answer.displaced))
        }
        assert.ok(places.size <= SERVING_PLACES_MAX)
      }
    }),
  )
})

test.run()
