import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AnnouncedSwarm } from '../../src/api/swarm-schemas.ts'
import {
  ANNOUNCE_INTERVAL_MS,
  ANNOUNCE_REPEAT_MS,
  ANNOUNCE_SWARMS_MAX,
  REFUSED_RETRY_MS,
} from '../../src/core/limits.ts'
import { AnnouncePlan } from '../../src/routing/announce-plan.ts'
import { anyManifest } from '../conformance/router.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'

const test = suite('announce plan')

const held = (count: number, more: Partial<AnnouncedSwarm> = {}): AnnouncedSwarm[] =>
  Array.from({ length: count }, (_, n) => ({ manifest: anyManifest(`${n}`), runs: 10, ...more }))

function planOf() {
  const clock = new FakeClock()
  const plan = new AnnouncePlan({ clock })
  /** One announce that the tracker takes as it is. */
  const round = (all: readonly AnnouncedSwarm[], bytesMax = 50_000) => {
    const told = plan.next(all, { bytesMax })
    for (const swarm of told) plan.accepted(swarm)
    return told
  }
  return { clock, plan, round }
}

test('tells everything once, and again when its time has come', async () => {
  const { clock, round } = planOf()
  assert.is(round(held(5)).length, 5)
  assert.is(round(held(5)).length, 0)
  await clock.advance(ANNOUNCE_REPEAT_MS)
  assert.is(round(held(5)).length, 5)
})

test('a pull is in every announce and comes first; what has changed is told at once', () => {
  const { round } = planOf()
  const images = held(10)
  round(images)
  const pull: AnnouncedSwarm = { manifest: anyManifest('pull'), runs: 0, find: true }
  const changed = { manifest: anyManifest('3'), runs: 11 }
  const now = [...images.filter((_, n) => n !== 3), changed, pull]
  assert.equal(round(now), [pull, changed])
  assert.equal(round(now), [pull])
})

test('one announce has no more than fits, and in time everything has had its turn', async () => {
  const { clock, round } = planOf()
  const images = held(1000)
  const told = new Set<string>()
  let rounds = 0
  for (; told.size < images.length; rounds++) {
    const now = round(images)
    assert.ok(now.length <= ANNOUNCE_SWARMS_MAX)
    for (const { manifest } of now) told.add(manifest)
    await clock.advance(ANNOUNCE_INTERVAL_MS)
  }
  assert.is(rounds, Math.ceil(images.length / ANNOUNCE_SWARMS_MAX))
})

test('delegations count against the bytes, and one that is large alone is told all the same', () => {
  const { round } = planOf()
  const delegation = 'x'.repeat(40_000)
  assert.is(round(held(3, { delegation })).length, 1)
  assert.is(round(held(3, { delegation }), 1000).length, 1)
  assert.is(round(held(3, { delegation })).length, 1)
  assert.is(round(held(3, { delegation })).length, 0)
})

test('what is refused is asked for again later', async () => {
  const { clock, plan, round } = planOf()
  const [swarm] = held(1, { find: true }) as [AnnouncedSwarm]
  plan.refused(swarm)
  assert.is(round([swarm]).length, 0)
  await clock.advance(REFUSED_RETRY_MS)
  assert.is(round([swarm]).length, 1)
})

test('a tracker that has forgotten this node is told of all again', () => {
  const { plan, round } = planOf()
  round(held(5))
  plan.known(5)
  assert.is(round(held(5)).length, 0)
  plan.known(0)
  assert.is(round(held(5)).length, 5)
})

test('what is not here any more is not counted', () => {
  const { plan, round } = planOf()
  round(held(5))
  round(held(2))
  plan.known(2)
  assert.is(round(held(2)).length, 0)
  round([])
  assert.not(plan.isKnown)
})

test.run()
