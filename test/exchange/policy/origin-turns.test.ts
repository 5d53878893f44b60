import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ORIGIN_ASKS_PER_SECOND,
  ORIGIN_OUT_RUNS_MAX,
  ORIGIN_OUT_RUNS_MIN,
  ORIGIN_OUT_RUNS_START,
  ORIGIN_TURN_MS,
  ORIGIN_TURN_RETRY_MAX_MS,
  ORIGIN_TURN_RETRY_MS,
} from '../../../src/core/limits.ts'
import { OriginTurns } from '../../../src/exchange/policy/origin-turns.ts'

const test = suite('origin turns')

/** Turns of an origin that always has something to send. */
const busyOrigin = () => new OriginTurns({ idleMs: () => 0 })

interface Ask {
  count?: number
  newcomer?: boolean
  starving?: boolean
}

function ask(turns: OriginTurns, asker: string, nowMs: number, what: Ask = {}): number {
  const { count = 8, newcomer = false, starving = false } = what
  const granted = turns.grant({ asker, count, newcomer, starving }, nowMs)
  turns.assigned(asker, granted, nowMs)
  return granted
}

test('one that asks alone gets what it asks for', () => {
  const turns = busyOrigin()
  for (let i = 1; i <= ORIGIN_OUT_RUNS_START / 8; i++) assert.is(ask(turns, 'a', 0), 8)
  assert.is(ask(turns, 'a', 0), 0, 'as much as comes back in half a second')
  turns.told('a', 1)
  assert.is(ask(turns, 'a', 1), 1)
})

test('those that ask share what may be out', () => {
  const turns = busyOrigin()
  const peers = Array.from({ length: 8 }, (_, i) => `peer-${i}`)
  for (let round = 0; round < 10; round++) {
    for (const peer of peers) {
      ask(turns, peer, round * 100)
      for (let n = 0; n < 2; n++) turns.told(peer, round * 100)
    }
  }
  assert.ok(turns.runsOut <= ORIGIN_OUT_RUNS_START)
})

test('newcomers are next, then the starving, then the others', () => {
  const turns = busyOrigin()
  for (let i = 0; i < ORIGIN_OUT_RUNS_START; i++) assert.is(ask(turns, `early-${i}`, 0, { count: 1 }), 1)
  assert.is(ask(turns, 'other', 1), 0)
  assert.is(ask(turns, 'starving', 1, { starving: true }), 0)
  assert.is(ask(turns, 'newcomer', 1, { newcomer: true }), 0)
  turns.told('early-0', 2)
  assert.is(ask(turns, 'other', 2), 0)
  assert.is(ask(turns, 'starving', 2, { starving: true }), 0)
  assert.is(ask(turns, 'newcomer', 2, { newcomer: true }), 1)
  turns.told('early-1', 3)
  assert.is(ask(turns, 'other', 3), 0)
  assert.is(ask(turns, 'starving', 3, { starving: true }), 1)
  turns.told('early-2', 4)
  assert.is(ask(turns, 'other', 4), 1)
})

test('what may be out follows the rate at which it is sent', () => {
  const rateOf = (perSecond: number) => {
    const turns = busyOrigin()
    for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
      ask(turns, 'a', nowMs, { count: 64 })
      const due = Math.floor(((nowMs + 10) * perSecond) / 1000) - Math.floor((nowMs * perSecond) / 1000)
      for (let i = 0; i < due; i++) turns.told('a', nowMs)
    }
    return turns.runsOutMax
  }
  assert.is(rateOf(1), ORIGIN_OUT_RUNS_MIN)
  assert.ok(Math.abs(rateOf(40) - 20) <= 3)
  assert.ok(Math.abs(rateOf(400) - 200) <= 10)
  assert.is(rateOf(5000), ORIGIN_OUT_RUNS_MAX)
})

/** Runs that are out at most, and told in the last second, at an origin whose takers tell each run so long after it was assigned; sent in no time or in all of it. */
function slowTakers({ tellMs, isIdle }: { tellMs: number; isIdle: boolean }): { told: number; most: number } {
  const turns = new OriginTurns({ idleMs: () => (isIdle ? 1000 : 0) })
  const due: { peer: string; atMs: number }[] = []
  let told = 0
  let most = 0
  for (let nowMs = 0; nowMs < 30_000; nowMs += 10) {
    for (; due[0] !== undefined && due[0].atMs <= nowMs; due.shift()) {
      turns.told(due[0].peer, nowMs)
      if (nowMs >= 29_000) told++
    }
    for (let i = 0; i < 100; i++) {
      const granted = nowMs % 100 === 0 ? ask(turns, `peer-${i}`, nowMs) : 0
      for (let run = 0; run < granted; run++) due.push({ peer: `peer-${i}`, atMs: nowMs + tellMs })
    }
    most = Math.max(most, turns.runsOut)
  }
  return { told, most }
}

test('while takers are slow and the uplink idle more may be out; while it is busy no more than comes back in half a second', () => {
  const busy = slowTakers({ tellMs: 2000, isIdle: false })
  assert.ok(busy.most <= ORIGIN_OUT_RUNS_START, `${busy.most} runs are out`)
  assert.ok(busy.told <= ORIGIN_OUT_RUNS_MIN, `${busy.told} a second`)
  const idle = slowTakers({ tellMs: 2000, isIdle: true })
  assert.is(idle.most, ORIGIN_OUT_RUNS_MAX)
  assert.ok(idle.told >= ORIGIN_OUT_RUNS_MAX / 2 - 100, `${idle.told} a second`)
})

test('what may be out shrinks again once the uplink is busy, and does not grow while nobody waits', () => {
  const idle = { ms: 1000 }
  const turns = new OriginTurns({ idleMs: () => idle.ms })
  const second = (fromMs: number, peers: number) => {
    for (let nowMs = fromMs; nowMs < fromMs + 1000; nowMs += 10) {
      for (let i = 0; i < peers; i++) ask(turns, `peer-${i}`, nowMs)
      if (nowMs % 50 === 0) for (let i = 0; i < peers; i++) turns.told(`peer-${i}`, nowMs)
    }
  }
  for (let s = 0; s < 8; s++) second(s * 1000, 1)
  const alone = turns.runsOutMax
  for (let s = 8; s < 16; s++) second(s * 1000, 40)
  const grown = turns.runsOutMax
  idle.ms = 0
  for (let s = 16; s < 60; s++) second(s * 1000, 1)
  assert.ok(grown >= 8 * alone, `${alone}, then ${grown}`)
  assert.ok(turns.runsOutMax <= alone * 1.1, `${turns.runsOutMax} at the end, ${alone} at first`)
})

test('a thousand that come at once get their turn within the time that it takes to send, and ask at a bounded rate', () => {
  const turns = busyOrigin()
  const perSecond = 100
  const nextMs = new Map(Array.from({ length: 1000 }, (_, i) => [`peer-${i}`, i]))
  const first = new Map<string, number>()
  const queue: string[] = []
  let asks = 0
  for (let nowMs = 0; nowMs < 30_000 && first.size < 1000; nowMs += 10) {
    for (const [peer, atMs] of nextMs) {
      if (atMs > nowMs) continue
      asks++
      const granted = ask(turns, peer, nowMs, { newcomer: !first.has(peer) })
      for (let i = 0; i < granted; i++) queue.push(peer)
      if (granted > 0 && !first.has(peer)) first.set(peer, nowMs)
      nextMs.set(peer, nowMs + (granted > 0 ? 1000 : turns.retryMs))
    }
    const peer = queue.shift()
    if (peer !== undefined) turns.told(peer, nowMs)
  }
  assert.is(first.size, 1000)
  const lastMs = Math.max(...first.values())
  assert.ok(lastMs < (1000 / perSecond) * 1000 * 1.3, `${lastMs} ms`)
  assert.ok(asks < (lastMs / 1000) * ORIGIN_ASKS_PER_SECOND * 2.5, `${asks} asks`)
})

test('who waits is told to ask later the more they are', () => {
  const turns = busyOrigin()
  for (let i = 0; i < ORIGIN_OUT_RUNS_START; i++) ask(turns, `early-${i}`, 0, { count: 1 })
  ask(turns, 'late', 0)
  assert.is(turns.retryMs, ORIGIN_TURN_RETRY_MS)
  for (let i = 0; i < 200; i++) ask(turns, `late-${i}`, 0)
  assert.is(turns.retryMs, 402)
  for (let i = 0; i < 5000; i++) ask(turns, `later-${i}`, 0)
  assert.is(turns.retryMs, ORIGIN_TURN_RETRY_MAX_MS)
})

test('runs that nobody wants and peers that do not come back keep nobody out', () => {
  const turns = busyOrigin()
  for (let i = 0; i < ORIGIN_OUT_RUNS_START; i++) ask(turns, `silent-${i}`, 0, { count: 1 })
  ask(turns, 'gone', 0, { newcomer: true })
  assert.is(ask(turns, 'late', 1), 0)
  assert.is(ask(turns, 'late', ORIGIN_TURN_MS), 8)
  assert.is(turns.waiting, 0)
})

test("what is being taken, however slowly, stays its taker's turn", () => {
  const turns = busyOrigin()
  for (let i = 0; i < ORIGIN_OUT_RUNS_START; i++) ask(turns, `slow-${i}`, 0, { count: 1 })
  for (let ms = 0; ms < 4 * ORIGIN_TURN_MS; ms += ORIGIN_TURN_MS / 2) {
    for (let i = 1; i < ORIGIN_OUT_RUNS_START; i++) turns.taken(`slow-${i}`, ms)
    turns.taken('nobody', ms)
  }
  assert.is(ask(turns, 'late', 4 * ORIGIN_TURN_MS), 0)
  assert.is(turns.runsOut, ORIGIN_OUT_RUNS_START - 1, 'the one who took nothing lost its turn')
})

test('what a peer has out is free when it leaves', () => {
  const turns = busyOrigin()
  for (let i = 0; i < 4; i++) ask(turns, 'a', 0)
  assert.is(turns.runsOut, ORIGIN_OUT_RUNS_START)
  turns.leave('a')
  turns.told('a', 1)
  assert.is(turns.runsOut, 0)
  assert.is(ask(turns, 'b', 1), 8)
})

test.run()
