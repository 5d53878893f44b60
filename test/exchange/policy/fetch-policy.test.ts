import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bitmap } from '../../../src/core/bitmap.ts'
import {
  ENDGAME_AFTER_MS,
  PEER_FLIGHT_BYTES_MAX,
  RELATED_PAUSE_MS,
  RUN_BYTES_MAX,
  SESSION_FLIGHT_BYTES_MAX,
} from '../../../src/core/limits.ts'
import type { FetchPeer } from '../../../src/exchange/policy/fetch-peer.ts'
import { FetchPolicy } from '../../../src/exchange/policy/fetch-policy.ts'
import type { Decision, Want } from '../../../src/exchange/policy/want.ts'
import { seeded } from '../../fixtures/seeded.ts'

const test = suite('fetch policy')
const CREDIT = 8 << 20

function policyOf(runs: number, parts = 4): FetchPolicy {
  const policy = new FetchPolicy({ runs, parts, random: seeded(runs), nowMs: 0 })
  for (let run = 0; run < runs; run++) policy.missing(run, 0)
  policy.planned(0)
  return policy
}

function join(policy: FetchPolicy, key: string, have = Bitmap.full(policy.runs)): FetchPeer {
  return policy.joined({ key, have, origin: false, nearness: 0, credit: CREDIT }, 0)
}

function drain(policy: FetchPolicy, nowMs: number): Decision[] {
  const decisions: Decision[] = []
  for (let next = policy.next(nowMs); next !== undefined; next = policy.next(nowMs)) decisions.push(next)
  return decisions
}

const wantsOf = (decisions: readonly Decision[]): Want[] =>
  decisions.flatMap((decision) => (decision.type === 'want' ? [decision.want] : []))

test('keeps two parts under way at a peer that it does not know, and more at a fast one', () => {
  const policy = policyOf(1000)
  join(policy, 'a')
  let wants = wantsOf(drain(policy, 0))
  assert.is(wants.length, 2)
  for (let nowMs = 1; nowMs < 40; nowMs++) {
    for (const want of wants) {
      assert.ok(policy.answered(want, nowMs))
      policy.stored(want)
    }
    wants = wantsOf(drain(policy, nowMs))
  }
  assert.ok(
    wants.some(({ parts }) => parts === 0b1111),
    'whole runs',
  )
  assert.ok(policy.flightBytes > 2 << 20, `${policy.flightBytes}`)
})

test('of those that hold a run the nearest with room is asked for it: of the zone before others', () => {
  const policy = policyOf(1000)
  const peers = ([0, 1, 0] as const).map((nearness, i) =>
    policy.joined({ key: `${i}`, have: Bitmap.full(1000), origin: false, nearness, credit: CREDIT }, 0),
  )
  const wants = wantsOf(drain(policy, 0))
  assert.equal(
    wants.map(({ peer }) => peers.indexOf(peer)),
    [1, 1, ...wants.slice(2).map(({ peer }) => peers.indexOf(peer))],
    'that of the zone first',
  )
  assert.is(
    wants.filter(({ peer }) => peer.nearness === 0).length,
    4,
    'the others for what it has no room for',
  )
})

test('a nearer peer that is paused, or does not hold the run, is not asked', () => {
  const policy = policyOf(8)
  const have = new Bitmap(8)
  have.set(3)
  const zone = policy.joined({ key: 'zone', have, origin: false, nearness: 1, credit: CREDIT }, 0)
  const far = policy.joined(
    { key: 'far', have: Bitmap.full(8), origin: false, nearness: 0, credit: CREDIT },
    0,
  )
  for (const want of wantsOf(drain(policy, 0))) assert.is(want.peer, want.run === 3 ? zone : far)
  const paused = policyOf(8)
  const slow = paused.joined(
    { key: 'zone', have: Bitmap.full(8), origin: false, nearness: 1, credit: CREDIT },
    0,
  )
  const [want] = wantsOf([paused.next(0) as Decision])
  assert.ok(want !== undefined)
  paused.failed(want, 'busy', { nowMs: 0, retryMs: 100 })
  join(paused, 'far')
  assert.ok(wantsOf(drain(paused, 1)).every(({ peer }) => peer !== slow))
  assert.ok(wantsOf(drain(paused, 100)).some(({ peer }) => peer === slow))
})

test('a peer that may have anything and has nothing is asked ever more seldom', () => {
  const policy = policyOf(1000)
  const peer = join(policy, 'related')
  const asked: number[] = []
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    for (const want of wantsOf(drain(policy, nowMs))) {
      asked.push(nowMs)
      policy.lacked(want, nowMs)
    }
  }
  assert.ok(asked.length < 12, `${asked.length} wants in 10 s`)
  const late = (nowMs: number) => wantsOf(drain(policy, nowMs))
  const [want] = late(20_000)
  assert.ok(want)
  policy.answered(want, 20_100)
  policy.stored(want)
  const [next] = late(20_100)
  assert.ok(next)
  const before = peer.pausedUntilMs
  policy.lacked(next, 20_100)
  assert.is(peer.pausedUntilMs, before, 'from the beginning after one that it had')
})

test('a peer that may have anything rests when it had nothing twice in a row, not for one miss among hits', () => {
  const policy = policyOf(100)
  const peer = join(policy, 'related')
  const flying = wantsOf(drain(policy, 0))
  for (let nowMs = 10; nowMs < 200; nowMs += 10) {
    const want = flying.shift() as Want
    if (nowMs % 20 === 0) policy.lacked(want, nowMs)
    else {
      policy.answered(want, nowMs)
      policy.stored(want)
    }
    assert.is(peer.paused, false)
    flying.push(...wantsOf(drain(policy, nowMs)))
  }
  const [first, second, third] = flying
  policy.lacked(first as Want, 200)
  assert.is(peer.paused, false)
  policy.lacked(second as Want, 210)
  assert.is(peer.pausedUntilMs, 210 + RELATED_PAUSE_MS)
  policy.lacked(third as Want, 220)
  assert.is(peer.pausedUntilMs, 220 + 2 * RELATED_PAUSE_MS)
})

test('what a mate only may have, and has not, comes from outside of the rack', () => {
  const policy = new FetchPolicy({ runs: 40, parts: 1, random: seeded(7), nowMs: 0, self: 'node' })
  for (let run = 0; run < policy.runs; run++) policy.missing(run, 0)
  policy.planned(0)
  const have = Bitmap.full(policy.runs)
  const mate = { key: 'mate', have, origin: false, related: true, nearness: 2, credit: CREDIT } as const
  policy.joined({ ...mate, related: false, have: new Bitmap(policy.runs) }, 0)
  policy.joined(mate, 0)
  const far = join(policy, 'far')
  for (let nowMs = 0; nowMs < 60_000 && !policy.complete; nowMs += 10) {
    for (const want of wantsOf(drain(policy, nowMs))) {
      if (want.peer !== far) policy.lacked(want, nowMs)
      else if (policy.answered(want, nowMs)) policy.stored(want)
    }
  }
  assert.ok(policy.complete, `${policy.missingRuns} runs are still waited for`)
})

test('what is under way at a peer is what it sends in a quarter of a second', () => {
  const policy = policyOf(200)
  const peer = join(policy, 'a')
  const flying: Want[] = wantsOf(drain(policy, 0))
  // 4 MB/s: a part of 256 KiB takes 64 ms
  for (let nowMs = 64; nowMs < 6400; nowMs += 64) {
    const want = flying.shift() as Want
    policy.answered(want, nowMs)
    policy.stored(want)
    flying.push(...wantsOf(drain(policy, nowMs)))
  }
  assert.ok(peer.flightBytes >= 1 << 20 && peer.flightBytes <= 2 << 20, `${peer.flightBytes}`)
})

test('an answer that comes after another is not needed; its want is cancelled', () => {
  const policy = policyOf(1, 1)
  join(policy, 'slow')
  const [first] = wantsOf(drain(policy, 0))
  join(policy, 'other')
  const [copy] = wantsOf(drain(policy, ENDGAME_AFTER_MS + 1))
  assert.is(copy?.copy, true)
  assert.is(policy.answered(copy as Want, 2100), true)
  assert.equal(drain(policy, 2100), [{ type: 'cancel', want: first }])
  assert.is(policy.answered(first as Want, 2101), false)
  policy.stored(copy as Want)
  assert.ok(policy.complete)
  assert.is(policy.duplicateBytes, RUN_BYTES_MAX)
})

test('a straggler goes to a second peer that would have been faster, when its time has come', () => {
  const policy = policyOf(120, 1)
  const slow = join(policy, 'slow')
  const fast = join(policy, 'fast')
  const flying = wantsOf(drain(policy, 0))
  let stuck: Want | undefined
  let copy: Want | undefined
  for (let nowMs = 50; nowMs < 2600; nowMs += 50) {
    for (const want of flying.splice(0)) {
      // the slow one is as fast as the other until it sends nothing more
      copy ??= want.copy ? want : undefined
      if (want.peer === slow && nowMs > 500) stuck ??= want
      else if (policy.answered(want, nowMs)) policy.stored(want)
    }
    flying.push(...wantsOf(drain(policy, nowMs)))
  }
  assert.ok(stuck)
  assert.is(copy?.peer, fast)
  assert.ok((copy?.sentMs ?? 0) < ENDGAME_AFTER_MS, 'by its rate, long before everybody would call it stuck')
})

test('a peer that lacks what it told is paused, then released', () => {
  const policy = policyOf(8)
  const peer = join(policy, 'a')
  const [one, two] = wantsOf(drain(policy, 0))
  policy.failed(one as Want, 'lacks', { nowMs: 10 })
  assert.equal(drain(policy, 10), [])
  assert.ok(policy.wakeMs > 10)
  policy.failed(two as Want, 'lacks', { nowMs: 11 })
  assert.equal(drain(policy, 11), [{ type: 'release', peer, reason: 'lacks' }])
})

test('wants from an origin what it assigned alone, and asks again in time', () => {
  const policy = policyOf(8)
  const have = new Bitmap(8)
  const origin = policy.joined({ key: 'o', have, origin: true, nearness: 0, credit: CREDIT }, 0)
  const [ask, ...rest] = drain(policy, 0)
  assert.equal(ask, { type: 'ask', peer: origin, count: 1, starving: false })
  assert.equal(rest, [])
  policy.assigned(origin, [5], { nowMs: 1, retryMs: 200 })
  const given = drain(policy, 1)
  assert.equal(
    wantsOf(given).map(({ run }) => run),
    [5, 5],
  )
  for (const want of wantsOf(given)) if (policy.answered(want, 1)) policy.stored(want)
  assert.is(drain(policy, 1).length, 2, 'the rest of it, and an ask')
  policy.assigned(origin, [], { nowMs: 2, retryMs: 200 })
  assert.equal(
    drain(policy, 100).map(({ type }) => type),
    [],
  )
  assert.is(policy.wakeMs <= 202, true)
  assert.is(drain(policy, 202)[0]?.type, 'ask')
})

/** A session against peers that answer, fail, come and go in an order that a generator of numbers chooses. */
class Chaos {
  readonly policy: FetchPolicy
  readonly flying = new Set<Want>()
  readonly stored = new Map<number, number>()
  readonly #random: () => number
  readonly #peers: FetchPeer[] = []
  readonly #asking: FetchPeer[] = []
  nowMs = 0
  #names = 0

  constructor(runs: number, parts: number, seed: number) {
    this.#random = seeded(seed)
    this.policy = new FetchPolicy({ runs, parts, random: this.#random, nowMs: 0 })
  }

  pump(): void {
    for (const decision of drain(this.policy, this.nowMs)) {
      if (decision.type === 'want') this.#began(decision.want)
      else if (decision.type === 'ask') this.#asking.push(decision.peer)
      else if (decision.type === 'release') this.#leave(decision.peer)
      else if (decision.type === 'cancel' && this.flying.delete(decision.want)) {
        this.policy.failed(decision.want, 'lost', { nowMs: this.nowMs })
      }
    }
  }

  #began(want: Want): void {
    for (let part = 0; part < this.policy.partsPerRun; part++) {
      const held = this.policy.heldParts(want.run) & (1 << part)
      assert.ok((want.parts & (1 << part)) === 0 || held === 0, 'nothing is wanted that is held')
    }
    this.flying.add(want)
    assert.ok(want.peer.flightBytes <= PEER_FLIGHT_BYTES_MAX, 'at the peer')
    assert.ok(this.policy.flightBytes <= SESSION_FLIGHT_BYTES_MAX, 'in the session')
  }

  join(): void {
    const have = new Bitmap(this.policy.runs)
    for (let run = 0; run < this.policy.runs; run++) if (this.#random() < 0.5) have.set(run)
    const origin = this.#random() < 0.2
    const init = { key: `p${this.#names++}`, have, origin, nearness: 0 as const, credit: CREDIT }
    this.#peers.push(this.policy.joined(init, this.nowMs))
  }

  #leave(peer: FetchPeer): void {
    this.#peers.splice(this.#peers.indexOf(peer), 1)
    this.policy.left(peer, this.nowMs)
    for (const want of this.flying) if (want.peer === peer) this.flying.delete(want)
  }

  assign(): void {
    for (const peer of this.#asking.splice(0)) {
      const runs = this.#random() < 0.3 ? [] : [Math.floor(this.#random() * this.policy.runs)]
      this.policy.assigned(peer, runs, { nowMs: this.nowMs, retryMs: 200 })
    }
  }

  has(): void {
    const peer = this.#peers[Math.floor(this.#random() * this.#peers.length)]
    if (peer !== undefined)
      this.policy.peerHas(peer, Math.floor(this.#random() * this.policy.runs), { nowMs: this.nowMs })
  }

  settle(fails: number): void {
    for (const want of [...this.flying]) {
      if (this.#random() < 0.5) continue
      this.flying.delete(want)
      const chance = this.#random()
      if (chance < fails) {
        const reason = (['busy', 'lacks', 'timeout', 'lost'] as const)[Math.floor(this.#random() * 4)]
        this.policy.failed(want, reason ?? 'lost', { nowMs: this.nowMs, retryMs: 100 })
      } else if (this.policy.answered(want, this.nowMs)) {
        if (chance > 0.95) this.policy.failed(want, 'lost', { nowMs: this.nowMs })
        else this.policy.stored(want)
      }
    }
  }

  leaveAny(): void {
    const peer = this.#peers[Math.floor(this.#random() * this.#peers.length)]
    if (peer !== undefined) this.#leave(peer)
  }
}

test('fetches every part, within its bounds, whatever fails in whatever order', () => {
  const steps = fc.array(fc.nat(6), { maxLength: 120 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(1, 2, 4),
      fc.nat(),
      steps,
      (runs, parts, seed, order) => {
        const chaos = new Chaos(runs, parts, seed)
        for (let run = 0; run < runs; run++) {
          if (run % 5 === 4) chaos.policy.held(run, 0)
          else chaos.policy.missing(run, 0, run % 3 === 0 ? 1 : chaos.policy.allParts)
        }
        chaos.policy.planned(0)
        for (const step of order) {
          chaos.nowMs += step * 40
          if (step === 0) chaos.join()
          else if (step === 1) chaos.leaveAny()
          else if (step === 2) chaos.has()
          else if (step === 3) chaos.assign()
          else chaos.settle(0.4)
          chaos.pump()
        }
        chaos.policy.joined(
          {
            key: 'whole',
            have: Bitmap.full(runs),
            origin: false,
            nearness: 0,
            credit: CREDIT,
          },
          chaos.nowMs,
        )
        for (let turn = 0; turn < 4000 && !chaos.policy.complete; turn++) {
          chaos.nowMs += 50
          chaos.pump()
          chaos.settle(0)
        }
        assert.ok(chaos.policy.complete, 'complete')
        assert.is(chaos.policy.missingRuns, 0)
      },
    ),
    { numRuns: 150 },
  )
})

test.run()
