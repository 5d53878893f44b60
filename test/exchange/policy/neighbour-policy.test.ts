import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  NEIGHBOUR_REBALANCE_MS,
  NEIGHBOURS_FAR_MIN,
  PEER_REFUSED_RETRY_MS,
  PEER_RETRY_MAX_MS,
  PEER_RETRY_MS,
  SERVING_NEWCOMER_MS,
  SESSION_ADDRESSES_MAX,
  SESSION_DIALS_MAX,
  SESSION_NEIGHBOURS_MAX,
  SESSION_NEIGHBOURS_MIN,
  SESSION_SETTLE_MS,
} from '../../../src/core/limits.ts'
import { NeighbourPolicy } from '../../../src/exchange/policy/neighbour-policy.ts'
import { ServingPlaces } from '../../../src/exchange/policy/serving-places.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const test = suite('neighbour policy')
const OWN = { zone: 'z1', rack: 'r1' }
const PLACES = { rack: OWN, zone: { zone: 'z1', rack: 'r2' }, far: { zone: 'z2', rack: 'r1' } }

function policyWith(counts: Partial<Record<keyof typeof PLACES, number>>) {
  const settledMax = SESSION_DIALS_MAX
  const policy = new NeighbourPolicy({ random: seededRandom(1) }, { labels: OWN, settledMax })
  for (const [kind, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++)
      policy.learn({ peer: `${kind}-${i}`, labels: PLACES[kind as keyof typeof PLACES] })
  }
  return policy
}

function joinAll(policy: NeighbourPolicy, nowMs: number): string[] {
  const peers = policy.dials(nowMs)
  for (const peer of peers) policy.joined(peer, nowMs)
  return peers
}

const kinds = (peers: readonly string[]) =>
  Object.fromEntries(
    Object.keys(PLACES).map((kind) => [kind, peers.filter((peer) => peer.startsWith(kind)).length]),
  )

test('most neighbours are of the same rack, some of the zone, two of elsewhere', () => {
  const policy = policyWith({ rack: 20, zone: 20, far: 20 })
  assert.equal(kinds(joinAll(policy, 0)), { rack: 5, zone: 1, far: 2 })
  assert.equal(policy.dials(1), [])
})

test('places that nobody near takes go to the others', () => {
  assert.equal(kinds(policyWith({ far: 40 }).dials(0)), { rack: 0, zone: 0, far: SESSION_DIALS_MAX })
  assert.equal(kinds(policyWith({ rack: 40 }).dials(0)), { rack: SESSION_DIALS_MAX, zone: 0, far: 0 })
  assert.equal(kinds(policyWith({ rack: 3, far: 40 }).dials(0)), { rack: 3, zone: 0, far: 5 })
})

test('the origin is dialled besides, and again soon when it fails', () => {
  const policy = policyWith({ rack: 20 })
  policy.learn({ peer: 'origin', origin: true })
  const dials = policy.dials(0)
  assert.ok(dials.includes('origin'))
  assert.is(dials.length, SESSION_DIALS_MAX + 1)
  for (let nowMs = 0, i = 0; i < 6; i++, nowMs += PEER_RETRY_MS) {
    if (i > 0) assert.equal(policy.dials(nowMs), ['origin'])
    policy.left('origin', nowMs, { failed: true })
  }
})

test('a peer that fails is dialled later each time, another one at once', () => {
  const policy = policyWith({ rack: SESSION_DIALS_MAX + 1 })
  const first = joinAll(policy, 0)[0] as string
  policy.left(first, 0, { failed: true })
  assert.is(policy.dials(0).length, 1, 'the one that was left over')
  let nowMs = 0
  const lone = policyWith({ rack: 1 })
  const waits: number[] = []
  for (let i = 0; i < 6; i++) {
    assert.equal(lone.dials(nowMs), ['rack-0'])
    lone.left('rack-0', nowMs, { failed: true })
    const startMs = nowMs
    while (lone.dials(nowMs + 1).length === 0) nowMs += 1000
    lone.left('rack-0', nowMs, { failed: false })
    waits.push(nowMs + 1 - startMs)
    nowMs += PEER_RETRY_MAX_MS
  }
  assert.ok(waits.every((wait, i) => wait >= Math.min(PEER_RETRY_MAX_MS, PEER_RETRY_MS * 2 ** i)))
})

test('a banned peer never comes back', () => {
  const policy = policyWith({ rack: 1 })
  joinAll(policy, 0)
  policy.ban('rack-0')
  policy.learn({ peer: 'rack-0' })
  assert.equal(policy.dials(1e9), [])
  assert.not(policy.welcome({ peer: 'rack-0' }, 1e9))
  assert.equal(policy.banned, ['rack-0'])
  assert.is(policy.size, 0)
})

test('who has opened the swarm here is welcome while there is a place', () => {
  const policy = policyWith({ rack: 40 })
  joinAll(policy, 0)
  assert.equal(policy.dials(0), [], 'it dials nobody more')
  for (let i = SESSION_DIALS_MAX; i < SESSION_NEIGHBOURS_MAX; i++) {
    assert.ok(policy.welcome({ peer: `guest-${i}`, labels: PLACES.far }, 0), `takes in guest ${i}`)
    assert.not(policy.welcome({ peer: `guest-${i}` }, 0), 'it has its place already')
  }
  assert.not(policy.welcome({ peer: 'another' }, 0))
})

test('a peer that refuses may be about to begin: it is dialled again soon, then later each time', () => {
  const policy = policyWith({ rack: 1 })
  const waits: number[] = []
  let nowMs = 0
  assert.equal(policy.dials(nowMs), ['rack-0'])
  for (let i = 0; i < 10; i++) {
    policy.left('rack-0', nowMs, { failed: true, refused: true })
    const leftMs = nowMs
    while (policy.dials(nowMs).length === 0) nowMs += 50
    waits.push(nowMs - leftMs)
  }
  assert.equal(
    waits,
    waits.map((_, i) => Math.min(PEER_RETRY_MAX_MS, PEER_REFUSED_RETRY_MS * 2 ** i)),
  )
})

test('every 30 s the least useful neighbour makes room for one of the same nearness', () => {
  const policy = policyWith({ rack: 20, far: 20 })
  const neighbours = joinAll(policy, 0)
  const useful = (peer: string) => Number(peer.split('-')[1]) + 100
  assert.is(policy.rebalance(1, useful), undefined)
  assert.is(policy.rebalance(NEIGHBOUR_REBALANCE_MS, useful), undefined)
  const gone = policy.rebalance(1 + NEIGHBOUR_REBALANCE_MS, useful)
  const least = neighbours.reduce((a, b) => (useful(b) < useful(a) ? b : a))
  assert.is(gone, least)
  policy.left(least, NEIGHBOUR_REBALANCE_MS, { failed: false })
  const [next] = joinAll(policy, NEIGHBOUR_REBALANCE_MS)
  assert.not(neighbours.includes(next as string), 'one that was not tried yet')
  assert.is(policy.rebalance(2 + NEIGHBOUR_REBALANCE_MS, useful), undefined)
})

test('bytes of the last 30 s count, not those of before', () => {
  const policy = policyWith({ rack: 20 })
  const neighbours = joinAll(policy, 0)
  const [once] = neighbours as [string]
  const bytes = new Map(neighbours.map((peer) => [peer, peer === once ? 1e9 : 0]))
  const bytesOf = (peer: string) => bytes.get(peer) ?? 0
  policy.rebalance(0, bytesOf)
  const gone = policy.rebalance(NEIGHBOUR_REBALANCE_MS, bytesOf)
  assert.is.not(gone, once)
  for (const peer of neighbours) bytes.set(peer, bytesOf(peer) + (peer === once ? 0 : 1000))
  assert.is(policy.rebalance(2 * NEIGHBOUR_REBALANCE_MS, bytesOf), once)
})

test('nobody is parted with for nothing', () => {
  const none = policyWith({ rack: SESSION_DIALS_MAX })
  const few = policyWith({ rack: 3 })
  const farther = policyWith({ rack: SESSION_DIALS_MAX, far: 0 })
  for (const policy of [none, few, farther]) {
    joinAll(policy, 0)
    policy.rebalance(0, () => 0)
  }
  farther.learn({ peer: 'far-0', labels: PLACES.far })
  for (const policy of [none, few, farther])
    assert.is(
      policy.rebalance(NEIGHBOUR_REBALANCE_MS, () => 0),
      undefined,
    )
})

test('the last two of elsewhere stay when only near ones could replace them', () => {
  const policy = policyWith({ far: 20 })
  joinAll(policy, 0)
  policy.rebalance(0, () => 0)
  const replaced: string[] = []
  for (let i = 1; i < 30; i++) {
    for (let n = 0; n < 5; n++) policy.learn({ peer: `rack-${i}-${n}`, labels: PLACES.rack })
    const gone = policy.rebalance(i * NEIGHBOUR_REBALANCE_MS, (peer) =>
      peer.startsWith('far') ? 0 : 1e6 * i,
    )
    if (gone === undefined) continue
    replaced.push(gone)
    policy.left(gone, i * NEIGHBOUR_REBALANCE_MS, { failed: false, retryMs: 1e9 })
    joinAll(policy, i * NEIGHBOUR_REBALANCE_MS)
  }
  assert.is(policy.size, SESSION_DIALS_MAX)
  assert.ok(
    replaced.filter((peer) => peer.startsWith('far')).length >= SESSION_DIALS_MAX - NEIGHBOURS_FAR_MIN,
  )
})

test('what is remembered is bounded, and a stranger costs no neighbour', () => {
  const policy = policyWith({ rack: SESSION_DIALS_MAX })
  const neighbours = joinAll(policy, 0)
  for (let i = 0; i < 10 * SESSION_ADDRESSES_MAX; i++) policy.learn({ peer: `stranger-${i}` })
  for (const peer of neighbours) policy.left(peer, 0, { failed: false })
  const again = policy.dials(PEER_RETRY_MS)
  assert.is(again.length, SESSION_DIALS_MAX)
  assert.ok(again.some((peer) => neighbours.includes(peer)))
})

/** A swarm of nothing but places: who finds neighbours? */
test('fifty that come while a swarm is nearly done find their neighbours within seconds', () => {
  const random = seededRandom(7)
  const early = Array.from({ length: 200 }, (_, i) => `early-${i}`)
  const late = Array.from({ length: 50 }, (_, i) => `late-${i}`)
  const places = new Map([...early, ...late].map((peer) => [peer, new ServingPlaces()]))
  const policies = new Map<string, NeighbourPolicy>()
  const sampleOf = (peers: readonly string[]) =>
    Array.from({ length: 31 }, () => peers[Math.floor(random() * peers.length)] as string)
  const come = (peer: string, known: readonly string[]) => {
    const policy = new NeighbourPolicy({ random }, { labels: {} })
    for (const other of sampleOf(known)) if (other !== peer) policy.learn({ peer: other })
    policies.set(peer, policy)
  }
  const round = (nowMs: number) => {
    for (const [peer, policy] of policies) {
      for (const other of policy.dials(nowMs)) {
        const answer = places.get(other)?.enter(peer, nowMs, () => 1)
        if (answer?.admitted !== true) policy.left(other, nowMs, { failed: true, retryMs: 1000 })
        else {
          policy.joined(other, nowMs)
          if (answer.displaced !== undefined)
            policies.get(answer.displaced)?.left(other, nowMs, { failed: false })
        }
      }
    }
  }
  for (const peer of early) come(peer, early)
  for (let nowMs = 0; nowMs <= SERVING_NEWCOMER_MS; nowMs += 200) round(nowMs)
  const earlySizes = early.map((peer) => policies.get(peer)?.size ?? 0)
  assert.ok(Math.min(...earlySizes) >= SESSION_DIALS_MAX, `early ones have ${Math.min(...earlySizes)}`)
  for (const peer of late) come(peer, [...early, ...late])
  for (let i = 1; i <= 5; i++) round(SERVING_NEWCOMER_MS + i * 200)
  const lateSizes = late.map((peer) => policies.get(peer)?.size ?? 0)
  assert.ok(
    Math.min(...lateSizes) >= SESSION_DIALS_MAX,
    `the late ones have ${Math.min(...lateSizes)} after a second`,
  )
  for (let i = 6; i <= 100; i++) round(SERVING_NEWCOMER_MS + i * 200)
  const sizes = early.map((peer) => policies.get(peer)?.size ?? 0)
  assert.ok(
    Math.min(...sizes) >= SESSION_DIALS_MAX - 2,
    `and the early ones still have ${Math.min(...sizes)}`,
  )
})

test('who has few neighbours after a second dials more, and who has enough does not', () => {
  const [few, enough] = [0, SESSION_NEIGHBOURS_MIN - SESSION_DIALS_MAX].map((welcomed) => {
    const policy = new NeighbourPolicy({ random: seededRandom(1) }, { labels: {} })
    for (let i = 0; i < 2 * SESSION_NEIGHBOURS_MAX; i++) policy.learn({ peer: `peer-${i}` })
    assert.is(policy.dials(0).length, SESSION_DIALS_MAX)
    for (let i = 0; i < welcomed; i++) policy.welcome({ peer: `newcomer-${i}` }, 10)
    assert.equal(policy.dials(SESSION_SETTLE_MS - 1), [])
    return policy.dials(SESSION_SETTLE_MS).length
  })
  assert.is(few, SESSION_NEIGHBOURS_MIN - SESSION_DIALS_MAX)
  assert.is(enough, 0)
})

test.run()
