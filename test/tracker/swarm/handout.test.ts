import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Labels } from '../../../src/core/nearness.ts'
import type { PeerKey } from '../../../src/core/router.ts'
import { type Candidate, chooseHandout, type HandoutInit } from '../../../tracker/swarm/handout.ts'
import { Locality } from '../../../tracker/swarm/locality.ts'

const test = suite('handout')

interface Peer extends Candidate {
  readonly labels: Labels
}

/** Numbers that repeat for the same seed (mulberry32), counted. */
function counted(seed = 1) {
  let state = seed
  const random = () => {
    random.calls++
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  random.calls = 0
  return random
}

function peersOf(count: number, more: (n: number) => { labels?: Labels; held?: number } = () => ({})) {
  const peers = new Locality<Peer>()
  const list = Array.from({ length: count }, (_, n): Peer => {
    const facts = { labels: {}, held: 0, ...more(n) }
    return { peer: `p${n}` as PeerKey, ...facts, slots: [-1, -1, -1], given: 0, givenAtMs: 0 }
  })
  for (const peer of list) peers.add(peer)
  return { peers, list }
}

function choose(peers: Locality<Peer>, init: Partial<HandoutInit> = {}): Peer[] {
  const asker = { peer: 'asker' as PeerKey, labels: {}, held: 0 }
  return chooseHandout(peers, { ...asker, max: 31, random: counted(), nowMs: 0, ...init })
}

/** 40 racks in 4 zones. */
const racks = (n: number) => ({ labels: { zone: `z${n % 4}`, rack: `r${n % 40}` } })

test('gives everybody else when they are few', () => {
  const { peers } = peersOf(10)
  const chosen = choose(peers, { peer: 'p3' as PeerKey, without: new Set(['p4' as PeerKey]) })
  assert.equal(chosen.map(({ peer }) => peer).sort(), ['p0', 'p1', 'p2', 'p5', 'p6', 'p7', 'p8', 'p9'])
})

test('prefers the rack, then the zone, and keeps some from other racks', () => {
  const { peers } = peersOf(2000, racks)
  const labels = { zone: 'z0', rack: 'r0' }
  const chosen = choose(peers, { labels })
  assert.is(new Set(chosen).size, 31)
  const inRack = chosen.filter((peer) => peer.labels['rack'] === 'r0').length
  const inZone = chosen.filter((peer) => peer.labels['zone'] === 'z0').length
  assert.is(inRack, 21)
  assert.ok(inZone >= 21 + 4, `${inZone} of the zone`)
  assert.ok(chosen.length - inZone >= 1, 'somebody is far away')
})

test('racks of one name in two zones are two racks, and a missing label is shared with nobody', () => {
  const { peers } = peersOf(200, (n) => ({ labels: n < 100 ? { zone: 'far', rack: 'r1' } : {} }))
  const chosen = choose(peers, { labels: { zone: 'here', rack: 'r1' } })
  assert.is(chosen.length, 31)
  assert.ok(chosen.some(({ labels }) => labels['zone'] === undefined))
})

test('who has nothing gets those that hold much, who has nearly all gets anybody', () => {
  const holders = (held: number) => {
    const { peers } = peersOf(1000, (n) => ({ held: n % 2 }))
    return choose(peers, { held }).filter((peer) => peer.held === 1).length
  }
  assert.ok(holders(0) >= 19, 'three of four for a newcomer')
  const others = holders(0.99)
  assert.ok(others >= 9 && others <= 22, `${others} of 31`)
})

test('spreads the load: nobody is handed out much more often than others', () => {
  const { peers, list } = peersOf(1000, (n) => ({ held: n < 20 ? 1 : 0 }))
  const random = counted(7)
  const times = new Map<Peer, number>()
  for (let n = 0; n < 1000; n++)
    for (const peer of choose(peers, { random })) times.set(peer, (times.get(peer) ?? 0) + 1)
  const counts = list.map((peer) => times.get(peer) ?? 0).sort((a, b) => a - b)
  assert.ok((counts[0] ?? 0) >= 10, `the rarest ${counts[0]} times of 31 on average`)
  assert.ok((counts.at(-1) ?? 0) < 31 * 6, `the most frequent ${counts.at(-1)} times`)
})

test('the graph of all handouts is connected, also across racks', () => {
  const count = 2000
  const { peers, list } = peersOf(count, racks)
  const random = counted(3)
  const next = new Map<Peer, Set<Peer>>(list.map((peer) => [peer, new Set()]))
  for (const { peer, labels } of list) {
    const asker = list.find((one) => one.peer === peer)
    for (const chosen of choose(peers, { peer, labels, random })) {
      if (asker === undefined) continue
      next.get(asker)?.add(chosen)
      next.get(chosen)?.add(asker)
    }
  }
  const seen = new Set<Peer>(list.slice(0, 1))
  for (const peer of seen) for (const other of next.get(peer) ?? []) seen.add(other)
  assert.is(seen.size, count)
})

test('the work does not grow with the swarm', () => {
  const work = (count: number) => {
    const random = counted(5)
    const { peers } = peersOf(count, racks)
    choose(peers, { random, labels: { zone: 'z0', rack: 'r0' } })
    return random.calls
  }
  const small = work(2_000)
  assert.ok(work(20_000) <= 1.5 * small, `${work(20_000)} draws instead of ${small}`)
  assert.ok(small < 31 * 2 * 8)
})

test('who is taken out of the index is not chosen any more', () => {
  const { peers, list } = peersOf(500, racks)
  for (const peer of list.slice(0, 450)) peers.delete(peer)
  const chosen = choose(peers, { labels: { zone: 'z0', rack: 'r0' } })
  assert.is(chosen.length, 31)
  assert.ok(chosen.every((peer) => list.indexOf(peer) >= 450))
  for (const peer of list.slice(450)) peers.delete(peer)
  assert.is(peers.all.size, 0)
  assert.is(peers.rackOf({ zone: 'z0', rack: 'r0' }), undefined)
})

test.run()
