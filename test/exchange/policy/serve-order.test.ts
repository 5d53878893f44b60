import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  EXCHANGE_REQUESTS_MAX,
  RUN_BYTES_MAX,
  SERVE_AHEAD_BURST_BYTES,
  SERVE_AHEAD_BYTES_PER_SECOND,
  SERVE_NEEDLESS_BURST_BYTES,
  SERVE_NEEDLESS_BYTES_PER_SECOND,
  SERVE_REQUESTS_MAX,
  SERVE_SLOTS,
  SERVE_SLOW_MS,
  URGENT_BURST_BYTES,
} from '../../../src/core/limits.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../../../src/core/traffic-class.ts'
import { RateLimit, type Rates } from '../../../src/exchange/policy/rate-limit.ts'
import type { ServeJob } from '../../../src/exchange/policy/serve-client.ts'
import { ServeOrder } from '../../../src/exchange/policy/serve-order.ts'

const test = suite('serve order')

interface Asker {
  readonly peer: string
  readonly class: TrafficClass
  /** Requests that it keeps waiting. */
  readonly depth: number
  /** Its jobs take so many times as long as those of others until its channel takes more. */
  readonly slowness?: number
}

const orderWith = (rates: Rates = {}) => new ServeOrder<ServeJob>({ rates: new RateLimit(rates, 0) })

/** An uplink that gives one run every 10 ms to those that are served, in virtual time. Returns runs sent by peer. */
function serve(askers: readonly Asker[], init: { seconds: number; rates?: Rates }) {
  const order = orderWith(init.rates)
  const sent = new Map(askers.map(({ peer }) => [peer, 0]))
  const busy: { job: ServeJob; left: number }[] = []
  const waiting = new Map(askers.map(({ peer }) => [peer, 0]))
  for (let nowMs = 0; nowMs < init.seconds * 1000; nowMs += 10) {
    for (const asker of askers) {
      while ((waiting.get(asker.peer) ?? 0) < asker.depth) {
        if (!order.add({ peer: asker.peer, class: asker.class }, nowMs)) break
        waiting.set(asker.peer, (waiting.get(asker.peer) ?? 0) + 1)
      }
    }
    for (let job = order.next(nowMs); job !== undefined; job = order.next(nowMs)) {
      order.sent(job, RUN_BYTES_MAX, nowMs)
      const { slowness = 1 } = askers.find(({ peer }) => peer === job.peer) as Asker
      busy.push({ job, left: slowness })
      sent.set(job.peer, (sent.get(job.peer) ?? 0) + 1)
      waiting.set(job.peer, (waiting.get(job.peer) ?? 0) - 1)
    }
    // The slow ones drain beside the others: their own link is what holds them.
    for (const entry of busy.filter(({ left }) => left > 1)) entry.left--
    const first = busy.findIndex(({ left }) => left <= 1)
    if (first >= 0) for (const { job } of busy.splice(first, 1)) order.done(job, nowMs)
  }
  return sent
}

const honest = (count: number, of: TrafficClass = 'requested'): Asker[] =>
  Array.from({ length: count }, (_, i) => ({ peer: `peer-${i}`, class: of, depth: 4 }))

test('peers of one class get the same', () => {
  const sent = [...serve(honest(20), { seconds: 20 }).values()]
  assert.ok(Math.max(...sent) - Math.min(...sent) <= 2, sent.join(' '))
})

test('classes get their shares where they compete', () => {
  const sent = serve(
    [
      ...honest(10),
      ...Array.from(
        { length: 10 },
        (_, i) => ({ peer: `later-${i}`, class: 'background', depth: 4 }) as const,
      ),
    ],
    { seconds: 60 },
  )
  const ratio = (sent.get('peer-0') ?? 0) / (sent.get('later-0') ?? 0)
  assert.ok(ratio > 1.8 && ratio < 2.2, `${ratio}`)
})

test('a guest read is next, whoever waits', () => {
  const order = orderWith()
  for (let i = 0; i < 50; i++) order.add({ peer: `peer-${i}`, class: 'requested' }, 0)
  for (let i = 0; i < SERVE_SLOTS; i++) assert.ok(order.next(0))
  assert.is(order.next(0), undefined)
  order.add({ peer: 'booting', class: 'guest' }, 0)
  assert.equal(order.next(0), { peer: 'booting', class: 'guest' })
})

test('of its own jobs a peer gets the most urgent first', () => {
  const order = orderWith()
  for (const each of [...TRAFFIC_CLASSES].reverse()) order.add({ peer: 'peer', class: each }, 0)
  const got = TRAFFIC_CLASSES.map(() => {
    const job = order.next(0) as ServeJob
    assert.is(order.next(0), undefined, 'one at a time')
    order.done(job, 0)
    return job.class
  })
  assert.equal(got, [...TRAFFIC_CLASSES])
})

test('who floods requests slows the others by no more than a peer that asks for what it needs', () => {
  const alone = serve(honest(8), { seconds: 30 })
  const flooded = serve([...honest(7), { peer: 'flood', class: 'requested', depth: 10_000 }], { seconds: 30 })
  const share = (flooded.get('peer-0') ?? 0) / (alone.get('peer-0') ?? 1)
  assert.ok(share >= 0.9, `${share}`)
})

test('who calls everything urgent gains a burst and no more', () => {
  const alone = serve(honest(8), { seconds: 60 })
  const urgent = serve([...honest(7), { peer: 'liar', class: 'guest', depth: 64 }], { seconds: 60 })
  const share = (urgent.get('peer-0') ?? 0) / (alone.get('peer-0') ?? 1)
  assert.ok(share >= 0.9, `${share}`)
  const burst = URGENT_BURST_BYTES / RUN_BYTES_MAX
  assert.ok((urgent.get('liar') ?? 0) <= (alone.get('peer-0') ?? 0) * 1.3 + burst)
})

test('peers at 1 % speed take no turn from others', () => {
  const slow = Array.from({ length: SERVE_SLOTS }, (_, i) => ({
    ...{ peer: `slow-${i}`, class: 'requested', depth: 4 },
    slowness: 800,
  })) as Asker[]
  const alone = serve(honest(8), { seconds: 60 })
  const beside = serve([...honest(8), ...slow], { seconds: 60 })
  const share = (beside.get('peer-0') ?? 0) / (alone.get('peer-0') ?? 1)
  assert.ok(share >= 0.9, `${share}`)
})

test('slots are free again after a second without anything happening', () => {
  const order = orderWith()
  for (let i = 0; i <= SERVE_SLOTS; i++) order.add({ peer: `peer-${i}`, class: 'requested' }, 0)
  for (let i = 0; i < SERVE_SLOTS; i++) order.next(0)
  assert.is(order.next(0), undefined)
  assert.is(order.waitMs(400), SERVE_SLOW_MS - 400)
  assert.equal(order.next(SERVE_SLOW_MS), { peer: `peer-${SERVE_SLOTS}`, class: 'requested' })
})

test('a limit of background leaves the other classes alone', () => {
  const rates = { backgroundBytesPerSecond: 4 * RUN_BYTES_MAX }
  const sent = serve(
    [
      { peer: 'a', class: 'background', depth: 4 },
      { peer: 'b', class: 'requested', depth: 4 },
    ],
    { seconds: 30, rates },
  )
  assert.ok(Math.abs((sent.get('a') ?? 0) - 120) <= 3, `${sent.get('a')}`)
  assert.ok((sent.get('b') ?? 0) > 2500, `${sent.get('b')}`)
})

test('it says when a limit lets something pass', () => {
  const order = orderWith({ bytesPerSecond: RUN_BYTES_MAX })
  order.add({ peer: 'a', class: 'requested' }, 0)
  order.add({ peer: 'a', class: 'requested' }, 0)
  const job = order.next(0) as ServeJob
  order.sent(job, 2 * RUN_BYTES_MAX, 0)
  order.done(job, 0)
  assert.is(order.next(0), undefined)
  const waitMs = order.waitMs(0) as number
  assert.ok(waitMs >= 1000 && waitMs < 1002)
  assert.ok(order.next(waitMs))
  assert.is(order.waitMs(waitMs), undefined, 'nothing waits')
})

test('what waits is bounded, for each and for all together', () => {
  const order = orderWith()
  const peers = SERVE_REQUESTS_MAX / EXCHANGE_REQUESTS_MAX
  for (let i = 0; i < peers; i++) {
    for (let n = 0; n < EXCHANGE_REQUESTS_MAX; n++)
      assert.ok(order.add({ peer: `peer-${i}`, class: 'requested' }, 0))
    assert.not(order.add({ peer: `peer-${i}`, class: 'guest' }, 0))
  }
  assert.ok(order.add({ peer: 'late', class: 'requested' }, 0), 'the first request of a peer always')
  assert.not(order.add({ peer: 'late', class: 'requested' }, 0))
})

test('every job that was not taken back is served once', () => {
  const step = fc.record({
    peer: fc.integer({ min: 0, max: 20 }),
    of: fc.constantFrom(...TRAFFIC_CLASSES),
    kind: fc.constantFrom('add', 'add', 'remove', 'next', 'done'),
    laterMs: fc.nat(300),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const order = orderWith({ bytesPerSecond: 50 * RUN_BYTES_MAX })
      const added = new Set<ServeJob>()
      const served = new Set<ServeJob>()
      const current: ServeJob[] = []
      let nowMs = 0
      const begin = () => {
        const job = order.next(nowMs)
        if (job === undefined) return false
        assert.ok(added.has(job) && !served.has(job))
        assert.not(
          current.some(({ peer }) => peer === job.peer),
          'one at a time',
        )
        served.add(job)
        current.push(job)
        order.sent(job, RUN_BYTES_MAX / 2, nowMs)
        return true
      }
      const end = () => {
        const job = current.shift()
        if (job !== undefined) order.done(job, nowMs)
      }
      for (const { peer, of, kind, laterMs } of steps) {
        nowMs += laterMs
        const job = { peer: `${peer}`, class: of }
        if (kind === 'add' && order.add(job, nowMs)) added.add(job)
        if (kind === 'remove')
          for (const one of [...added].slice(-1)) if (order.remove(one)) added.delete(one)
        if (kind === 'next') begin()
        if (kind === 'done') end()
      }
      while (order.waiting > 0 || current.length > 0) {
        end()
        if (!begin() && current.length === 0) nowMs += order.waitMs(nowMs) ?? 1
      }
      assert.is(served.size, added.size)
    }),
  )
})

test('a guest read past its allowance waits for the limit of everything alone', () => {
  const job: ServeJob = { peer: 'peer', class: 'guest' }
  const rates = { requestedBytesPerSecond: 1, backgroundBytesPerSecond: 1 }
  for (const [overall, served] of [
    [undefined, 64],
    [1, URGENT_BURST_BYTES / RUN_BYTES_MAX + 1],
  ] as const) {
    const order = orderWith({ ...rates, bytesPerSecond: overall })
    let count = 0
    for (; count < 64; count++) {
      order.add({ ...job }, 0)
      const next = order.next(0)
      if (next === undefined) break
      order.sent(next, RUN_BYTES_MAX, 0)
      order.done(next, 0)
    }
    assert.is(count, served)
  }
})

test('what nobody needs comes after what is needed', () => {
  const order = orderWith()
  const sent = { honest: 0, floods: 0 }
  const add = (peer: 'honest' | 'floods') =>
    order.add({ peer, class: 'requested', needless: () => peer === 'floods' }, 0)
  for (let i = 0; i < 100; i++) {
    add('honest')
    add('floods')
  }
  for (let i = 0; i < 100; i++) {
    const job = order.next(0)
    if (job === undefined) break
    sent[job.peer as 'honest' | 'floods']++
    order.sent(job, RUN_BYTES_MAX, 0)
    order.done(job, 0)
  }
  assert.ok(sent.floods <= 4, `${sent.floods} of 100`)
  assert.is(sent.honest + sent.floods, 100)
})

test('what nobody needs is given while nobody needs anything', () => {
  const order = orderWith()
  order.add({ peer: 'floods', class: 'requested', needless: () => true }, 0)
  assert.is(order.next(0)?.peer, 'floods')
})

test('what nobody needs waits while anybody is given anything, and takes little of an idle uplink', () => {
  const order = orderWith()
  const add = (peer: string) => {
    const job = { peer, class: 'requested', needless: () => peer === 'floods' } as const
    order.add(job, 0)
    return job
  }
  for (let i = 0; i < 50; i++) add('floods')
  const needed = add('honest')
  assert.is(order.next(0), needed)
  assert.is(order.next(0), undefined, 'it is still being given')
  assert.is(order.idleMs(5), 0)
  order.sent(needed, RUN_BYTES_MAX, 10)
  order.done(needed, 10)
  let sent = 0
  for (let nowMs = 10; nowMs <= 10_000; nowMs += 10) {
    const job = order.next(nowMs)
    assert.is(order.idleMs(nowMs), nowMs - 10, 'it counts as nothing')
    if (job === undefined) {
      assert.ok((order.waitMs(nowMs) ?? 0) > 0)
      continue
    }
    order.sent(job, RUN_BYTES_MAX / 4, nowMs)
    order.done(job, nowMs)
    sent += RUN_BYTES_MAX / 4
  }
  assert.ok(sent >= 10 * SERVE_NEEDLESS_BYTES_PER_SECOND, `${sent}`)
  assert.ok(
    sent <= 10 * SERVE_NEEDLESS_BYTES_PER_SECOND + SERVE_NEEDLESS_BURST_BYTES + RUN_BYTES_MAX / 4,
    `${sent}`,
  )
})

test('what a peer needs does not wait for what it does not need, and that can be taken back', () => {
  const order = orderWith()
  const floods = Array.from(
    { length: 20 },
    () => ({ peer: 'a', class: 'requested', needless: () => true }) as const,
  )
  for (const job of floods) order.add(job, 0)
  const needed = { peer: 'a', class: 'requested' } as const
  order.add(needed, 0)
  assert.is(order.next(0), needed)
  order.done(needed, 0)
  for (const job of floods.slice(1)) assert.ok(order.remove(job))
  assert.is(order.waiting, 1)
  assert.is(order.next(0), floods[0])
  assert.is(order.waiting, 0)
})

test('what a peer may read some day it gets at a rate of its own, and the uplink counts as idle', () => {
  const order = orderWith()
  const sent = { a: 0, b: 0 }
  for (const peer of ['a', 'b'])
    for (let i = 0; i < 200; i++) order.add({ peer, class: 'background', ahead: () => true }, 0)
  const bytes = RUN_BYTES_MAX / 4
  for (let nowMs = 0; nowMs < 20_000; nowMs += Math.max(1, order.waitMs(nowMs) ?? 1)) {
    for (let job = order.next(nowMs); job !== undefined; job = order.next(nowMs)) {
      order.sent(job, bytes, nowMs)
      order.done(job, nowMs)
      sent[job.peer as 'a' | 'b'] += bytes
    }
    assert.is(order.idleMs(nowMs), Number.POSITIVE_INFINITY)
    assert.ok(order.waitMs(nowMs) !== undefined, 'it wakes by itself')
  }
  const least = 19 * SERVE_AHEAD_BYTES_PER_SECOND
  const most = 20 * SERVE_AHEAD_BYTES_PER_SECOND + SERVE_AHEAD_BURST_BYTES + bytes
  for (const each of Object.values(sent)) assert.ok(each >= least && each <= most, `${each}`)
  const needed = { peer: 'c', class: 'background' } as const
  order.add(needed, 20_000)
  assert.is(order.next(20_000), needed)
})

test('what was not needed is when the peer is told to fetch it', () => {
  const order = orderWith()
  const assigned = new Set<ServeJob>()
  const job: ServeJob = { peer: 'a', class: 'requested', needless: () => !assigned.has(job) }
  const other: ServeJob = { peer: 'b', class: 'requested' }
  order.add(other, 0)
  order.add(job, 0)
  assert.is(order.next(0), other)
  assert.is(order.next(0), undefined, 'nobody needs it')
  order.judge('a')
  assert.is(order.next(0), undefined)
  assigned.add(job)
  order.judge('a')
  assert.is(order.next(0), job)
  assert.is(order.waiting, 0)
})

test('it says when who does not read has lost its slot to what nobody needs', () => {
  const order = orderWith()
  order.add({ peer: 'stuck', class: 'requested' }, 0)
  assert.ok(order.next(0))
  const needless = (peer: string) => ({ peer, class: 'requested', needless: () => true }) as const
  order.add(needless('stuck'), 0)
  const job = needless('a')
  order.add(job, 0)
  assert.is(order.next(0), undefined)
  assert.is(order.waitMs(300), SERVE_SLOW_MS - 300)
  assert.is(order.next(SERVE_SLOW_MS), job, 'the other is still being given something')
})

test('it is idle from when the last job is done until the next comes, whoever does not read', () => {
  const order = orderWith()
  assert.is(order.idleMs(0), Number.POSITIVE_INFINITY)
  const job = { peer: 'a', class: 'requested' } as const
  order.add(job, 10)
  assert.is(order.idleMs(20), 0, 'it waits')
  order.next(30)
  assert.is(order.idleMs(40), 0, 'it is served')
  order.done(job, 50)
  assert.is(order.idleMs(80), 30)
  const stuck = { peer: 'b', class: 'requested' } as const
  order.add(stuck, 100)
  order.next(100)
  assert.is(order.idleMs(100 + SERVE_SLOW_MS - 1), 0)
  assert.ok(order.idleMs(100 + SERVE_SLOW_MS) > 0)
})

test.run()
