import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { type Digest, type DigestKey, digestKey, digestOf } from '../../src/core/cid.ts'
import type { ContentRouting } from '../../src/core/content-routing.ts'
import { AbortedError, LimitError, UnreachableError } from '../../src/core/errors.ts'
import {
  DHT_ANNOUNCERS_MAX,
  DHT_PROVIDES_PER_SECOND,
  DHT_RECORD_RENEW_AFTER_MS,
  DHT_RECORD_VALIDITY_MS,
  DHT_RETRY_AFTER_MS,
  DHT_ROOTS_MAX,
  DHT_SEGMENTS_MAX,
} from '../../src/core/limits.ts'
import { silentLog } from '../../src/core/log.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { AnnounceBudget } from '../../src/routing/announce-budget.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { peerNamed } from '../fixtures/peers.ts'

/** Notes what is published, and when. */
class FakeContent implements ContentRouting {
  readonly provided: { key: DigestKey; atMs: number }[] = []
  readonly withdrawn: DigestKey[] = []
  readonly crowds = new Map<DigestKey, number>()
  failing = false
  readonly #clock: FakeClock

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  async provide(key: Digest, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (this.failing) throw new UnreachableError('no peer')
    this.provided.push({ key: digestKey(key), atMs: this.#clock.monotonic() })
  }

  async withdraw(key: Digest): Promise<void> {
    this.withdrawn.push(digestKey(key))
  }

  async *findProviders(key: Digest): AsyncGenerator<PeerAddress> {
    const crowd = this.crowds.get(digestKey(key)) ?? 0
    for (let index = 0; index < crowd; index++) yield peerNamed(`${index}`)
  }
}

const test = suite<{ clock: FakeClock; content: FakeContent; budget: AnnounceBudget }>('announce budget')

test.before.each(async (context) => {
  context.clock = new FakeClock()
  context.content = new FakeContent(context.clock)
  context.budget = new AnnounceBudget({ content: context.content, clock: context.clock, log: silentLog })
  await context.budget.start()
})

test.after.each(async ({ clock, budget }) => {
  await budget.stop()
  assert.is(clock.pending, 0)
})

test('publishes a root at once and renews it before it expires', async ({ clock, content, budget }) => {
  await budget.announceRoot(keyOf('root'))
  assert.is(content.provided.length, 1)
  await clock.advance(10 * DHT_RECORD_VALIDITY_MS)
  const times = content.provided.map(({ atMs }) => atMs)
  for (const [index, atMs] of times.entries()) {
    if (index > 0) assert.ok(atMs - (times[index - 1] ?? 0) < DHT_RECORD_VALIDITY_MS)
  }
  assert.ok(times.length <= 1 + (10 * DHT_RECORD_VALIDITY_MS) / DHT_RECORD_RENEW_AFTER_MS)
})

test('does not publish a root again whose record is fresh', async ({ content, budget }) => {
  await budget.announceRoot(keyOf('root'))
  await budget.announceRoot(keyOf('root'))
  assert.is(content.provided.length, 1)
})

test('publishes segments two a second, in order', async ({ clock, content, budget }) => {
  assert.is(budget.addSegments(keysOf(100)), 100)
  assert.is(budget.addSegments(keysOf(100)), 0)
  await clock.advance(10_000)
  assert.is(content.provided.length, 20)
  await clock.advance(60_000)
  assert.equal(
    content.provided.map(({ key }) => key),
    keysOf(100).map(digestKey),
  )
  assert.equal(budget.stat(), { roots: 0, segments: 100, waiting: 0, provided: 100, failed: 0 })
})

test('lets a root go before waiting segments', async ({ clock, content, budget }) => {
  budget.addSegments(keysOf(100))
  content.failing = true
  await failureOf(budget.announceRoot(keyOf('root')))
  content.failing = false
  await clock.advance(1_000)
  assert.is(content.provided[0]?.key, digestKey(keyOf('root')))
})

test('leaves a segment to others that enough of them announce, and looks again later', async (context) => {
  const { clock, content, budget } = context
  const [crowded, free] = keysOf(2) as [Digest, Digest]
  content.crowds.set(digestKey(crowded), DHT_ANNOUNCERS_MAX)
  content.crowds.set(digestKey(free), DHT_ANNOUNCERS_MAX - 1)
  budget.addSegments([crowded, free])
  await clock.advance(5_000)
  assert.equal(
    content.provided.map(({ key }) => key),
    [digestKey(free)],
  )
  content.crowds.clear()
  await clock.advance(DHT_RECORD_RENEW_AFTER_MS)
  assert.ok(content.provided.some(({ key }) => key === digestKey(crowded)))
})

test('renews every segment before it expires when it holds as many as it takes', async (context) => {
  const { clock, content, budget } = context
  assert.is(budget.addSegments(keysOf(DHT_SEGMENTS_MAX + 10)), DHT_SEGMENTS_MAX)
  await clock.advance(2.5 * DHT_RECORD_VALIDITY_MS)
  const last = new Map<DigestKey, number>()
  for (const { key, atMs } of content.provided) {
    const beforeMs = last.get(key)
    if (beforeMs !== undefined) assert.ok(atMs - beforeMs < DHT_RECORD_VALIDITY_MS)
    last.set(key, atMs)
  }
  assert.is(last.size, DHT_SEGMENTS_MAX)
})

test('pauses after a failure and then goes on with the same key', async ({ clock, content, budget }) => {
  content.failing = true
  budget.addSegments(keysOf(3))
  await clock.advance(DHT_RETRY_AFTER_MS)
  content.failing = false
  assert.is(content.provided.length, 0)
  await clock.advance(2_000)
  assert.equal(
    content.provided.map(({ key }) => key),
    keysOf(3).map(digestKey),
  )
})

test('renews nothing that was withdrawn', async ({ clock, content, budget }) => {
  const [first, second] = keysOf(2) as [Digest, Digest]
  await budget.announceRoot(keyOf('root'))
  budget.addSegments([first, second])
  await clock.advance(600)
  await budget.withdraw([keyOf('root'), first, second])
  await clock.advance(2 * DHT_RECORD_VALIDITY_MS)
  assert.equal(
    content.provided.map(({ key }) => key),
    [digestKey(keyOf('root')), digestKey(first)],
  )
  assert.is(content.withdrawn.length, 3)
  assert.equal(budget.stat(), { roots: 0, segments: 0, waiting: 0, provided: 2, failed: 0 })
})

test('does nothing once it is stopped', async ({ clock, content, budget }) => {
  budget.addSegments(keysOf(10))
  await clock.advance(1_000)
  await budget.stop()
  await clock.advance(10_000)
  assert.is(content.provided.length, 2)
})

test('never more than two a second, roots and segments together, nor after a restart', async (context) => {
  const { clock, content, budget } = context
  const roots = (from: number) => Array.from({ length: 50 }, (_, n) => keyOf(`root ${from + n}`))
  const start = async (one: AnnounceBudget) => {
    one.addRoots(roots(0))
    one.addSegments(keysOf(400))
    const direct = roots(100).map((root) => one.announceRoot(root))
    await clock.advance(400_000)
    await Promise.all(direct)
  }
  await start(budget)
  await budget.stop()
  const again = new AnnounceBudget({ content, clock, log: silentLog })
  await again.start()
  await start(again)
  await clock.advance(2 * DHT_RECORD_RENEW_AFTER_MS)
  await again.stop()
  const times = content.provided.map(({ atMs }) => atMs)
  assert.ok(times.length >= 4 * 500, `${times.length} records`)
  const busiest = times.map((atMs) => times.filter((other) => other >= atMs && other < atMs + 1000).length)
  assert.ok(Math.max(...busiest) <= DHT_PROVIDES_PER_SECOND, `${Math.max(...busiest)} within a second`)
})

test('keeps as many roots as it can renew, and says when there are more', async ({
  clock,
  content,
  budget,
}) => {
  const roots = Array.from({ length: DHT_ROOTS_MAX + 1 }, (_, n) => keyOf(`root ${n}`))
  assert.is(budget.addRoots(roots), DHT_ROOTS_MAX)
  assert.instance(await failureOf(budget.announceRoot(roots.at(-1) as Digest)), LimitError)
  await clock.advance((DHT_ROOTS_MAX / DHT_PROVIDES_PER_SECOND) * 1000)
  assert.is(content.provided.length, DHT_ROOTS_MAX)
})

test('a root that waits for its turn is given up on request', async ({ clock, budget }) => {
  await budget.announceRoot(keyOf('first'))
  const stop = new AbortController()
  const waiting = budget.announceRoot(keyOf('second'), { signal: stop.signal })
  stop.abort()
  assert.instance(await failureOf(waiting), AbortedError)
  await clock.advance(0)
})

function keyOf(name: string): Digest {
  return digestOf(Buffer.from(name))
}

function keysOf(count: number): Digest[] {
  return Array.from({ length: count }, (_, index) => keyOf(`segment ${index}`))
}

test.run()
