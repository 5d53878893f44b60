import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  EXCHANGE_REQUESTS_MAX,
  PEER_RETRY_MAX_MS,
  PEER_RETRY_MS,
  SERVE_BUSY_RETRY_MS,
  SERVE_COPIES_MAX,
  SERVING_NEWCOMER_MS,
  SERVING_NEWCOMER_PLACES,
  SERVING_PLACES_MAX,
} from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { Connection } from '../../src/exchange/connection.ts'
import type { ExchangeRates } from '../../src/exchange/exchange-config.ts'
import { addServingMetrics } from '../../src/exchange/serving-metrics.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import type { Message } from '../../src/wire/message-types.ts'
import { testBook } from '../fixtures/admission.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('serving')
const KiB = 1024
const MiB = 1024 * KiB
/** Two runs, of which the first is whole. */
const IMAGE = swarmImage(
  Array.from({ length: 20 }, (_, i) => i),
  64 * KiB,
)
const FIRST_RUN_BYTES = IMAGE.blocks.slice(0, 16).reduce((sum, { bytes }) => sum + bytes.length, 0)
const WHOLE_RUN = new Uint8Array([0xff, 0xff])
/** 256 blocks, of 8.5 MiB as they travel. */
const LARGE = swarmImage(Array.from({ length: 256 }, (_, i) => i))
/** Enough for requests and their answers. */
async function moment(clock: FakeClock): Promise<void> {
  for (let i = 0; i < 25; i++) await clock.advance(2)
}

interface Failure {
  readonly code?: string
  readonly data?: Readonly<Record<string, unknown>>
}

async function setUp(init: { rates?: ExchangeRates; blocks?: MemoryStore } = {}) {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const server = await startPeer(network, 'server', { holds: IMAGE, clock, ...init })
  /** Somebody with a grant, who speaks by hand. */
  const member = (from: string, asked?: (message: Message) => void) => {
    const connection = connectByHand(network, clock, { from, to: 'server', ...(asked && { asked }) })
    const exp = Math.floor(clock.now() / 1000) + 300
    const opened = connection.open(IMAGE.id, testGrant(from, IMAGE.id, { exp }))
    return { connection, opened: outcome(opened) }
  }
  return { clock, network, server, member }
}

/** `ok`, or the error. */
const outcome = (answer: Promise<unknown>): Promise<'ok' | Failure> =>
  answer.then(
    () => 'ok' as const,
    (error: Failure) => error,
  )

const want = (connection: Connection, run = 0) =>
  outcome(connection.want({ id: 1, run, missing: WHOLE_RUN }).answer)

/** The first run by digest, which one may want again and again. */
const wantAgain = (connection: Connection) =>
  outcome(
    connection.wantDigests({ id: 1, digests: IMAGE.blocks.slice(0, 16).map(({ digest }) => digest) }).answer,
  )

const codeOf = (result: 'ok' | Failure) => (result === 'ok' ? 'ok' : result.code)

test('who keeps more requests waiting than it may is told to wait; others are served, and it is later', async () => {
  const blocks = new MemoryStore()
  const { clock, server, member } = await setUp({ blocks })
  const greedy = member('greedy')
  const honest = member('honest')
  await moment(clock)
  const get = blocks.get.bind(blocks)
  const gate = Promise.withResolvers<void>()
  let reads = 0
  blocks.get = async (digests) => {
    if (++reads === 1) await gate.promise
    return get(digests)
  }
  // One is being served, and so many wait.
  const asked = Array.from({ length: EXCHANGE_REQUESTS_MAX + 1 }, () => wantAgain(greedy.connection))
  await moment(clock)
  const refused = wantAgain(greedy.connection)
  await moment(clock)
  const answer = await refused
  assert.ok(answer !== 'ok' && answer.code === 'E_BUSY')
  assert.is(answer.data?.['retryMs'], SERVE_BUSY_RETRY_MS)
  assert.is(server.exchange.serving.waiting, EXCHANGE_REQUESTS_MAX)
  assert.is(server.exchange.serving.refusedRequests, 1)
  const served = want(honest.connection)
  await moment(clock)
  assert.is(await served, 'ok')
  gate.resolve()
  await moment(clock)
  assert.equal([...new Set(await Promise.all(asked))], ['ok'])
  assert.is(greedy.connection.closed, false)
  await server.exchange.stop()
})

test('what a peer that is gone was waiting for waits no more', async () => {
  const blocks = new MemoryStore()
  const { clock, server, member } = await setUp({ blocks })
  const { connection } = member('peer')
  await moment(clock)
  blocks.get = () => new Promise(() => {})
  const asked = Array.from({ length: 20 }, () => want(connection))
  await moment(clock)
  assert.is(server.exchange.serving.waiting, 19)
  await connection.close()
  await moment(clock)
  assert.is(server.exchange.serving.waiting, 0)
  assert.equal([...new Set((await Promise.all(asked)).map(codeOf))], ['E_UNREACHABLE'])
  await server.exchange.stop()
})

test('without a place a peer is told when to come back; newcomers displace those who were of least use', async () => {
  const { clock, server, member } = await setUp()
  const left: string[] = []
  const come = (name: string) =>
    member(name, (message) => void (message.type === 'leave' && !message.byOpener && left.push(name)))
  const early = Array.from({ length: SERVING_PLACES_MAX }, (_, i) => come(`early-${i}`))
  await moment(clock)
  assert.equal([...new Set(await Promise.all(early.map(({ opened }) => opened)))], ['ok'])
  const soon = come('soon')
  await moment(clock)
  const answer = await soon.opened
  assert.ok(answer !== 'ok' && answer.code === 'E_BUSY')
  assert.is(answer.data?.['retryMs'], PEER_RETRY_MS)
  assert.is(server.exchange.serving.refusedPlaces, 1)

  const useful = early.slice(SERVING_NEWCOMER_PLACES)
  const given = useful.map(({ connection }) => want(connection))
  await clock.advance(SERVING_NEWCOMER_MS)
  assert.equal([...new Set(await Promise.all(given))], ['ok'])
  const late = Array.from({ length: SERVING_NEWCOMER_PLACES + 1 }, (_, i) => come(`late-${i}`))
  await moment(clock)
  const answers = (await Promise.all(late.map(({ opened }) => opened))).map(codeOf)
  assert.equal(answers, [...Array.from({ length: SERVING_NEWCOMER_PLACES }, () => 'ok'), 'E_BUSY'])
  assert.equal(left.toSorted(), ['early-0', 'early-1', 'early-2', 'early-3'])

  const [displaced] = early
  assert.ok(displaced)
  const nothing = want(displaced.connection)
  await moment(clock)
  assert.is(codeOf(await nothing), 'E_NOT_FOUND', 'it has no swarm here any more')
  await server.exchange.stop()
})

test('who leaves makes room for another', async () => {
  const { clock, server, member } = await setUp()
  const all = Array.from({ length: SERVING_PLACES_MAX }, (_, i) => member(`peer-${i}`))
  await moment(clock)
  all[0]?.connection.send({ type: 'leave', id: 1, byOpener: true })
  await moment(clock)
  const next = member('next')
  await moment(clock)
  assert.is(await next.opened, 'ok')
  await server.exchange.stop()
})

test('a session that loses its place goes on without that peer, and comes back later', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const peer = await startPeer(network, 'peer', { clock })
  await peer.nodes.put(IMAGE.nodes)
  const opens: Connection[] = []
  network.carrier('server').accept((channel) => {
    const asked = (connection: Connection, message: Message) => {
      if (message.type !== 'open') return
      opens.push(connection)
      connection.send({ type: 'opened', id: message.id, runs: 2, have: new Uint8Array([0]) })
    }
    const events = { asked, have() {}, closed() {} }
    const admission = testBook({ clock, peer: 'server' })
    const buffers = new BufferPool({ bytes: 1, keepMax: 0 })
    new Connection({ channel, clock, admission, events, buffers }).start('server')
  })
  const exp = Math.floor(clock.now() / 1000) + 300
  const session = peer.exchange.openSession({
    manifest: IMAGE.id,
    grant: testGrant('peer', IMAGE.id, { exp }),
  })
  const controller = new AbortController()
  const done = outcome(session.run({ signal: controller.signal }))
  session.learn([{ peer: 'server' as PeerKey, addresses: ['/memory/server'] }])
  await moment(clock)
  assert.is(session.peers, 1)
  const number = opens[0]
  assert.ok(number)
  number.send({ type: 'leave', id: 1, byOpener: false })
  await moment(clock)
  assert.is(session.peers, 0)
  assert.is(number.closed, false, 'the other side may want something in it')
  await clock.advance(2 * PEER_RETRY_MAX_MS)
  assert.is(session.peers, 1)
  assert.ok(opens.length > 1)
  controller.abort()
  await moment(clock)
  assert.is(codeOf(await done), 'E_ABORTED')
  await peer.exchange.stop()
})

test('who was given two copies and wants more comes last', async () => {
  const rates = { upload: { backgroundBytesPerSecond: 1 } }
  const { clock, server, member } = await setUp({ rates })
  const greedy = member('greedy')
  const honest = member('honest')
  await moment(clock)
  const runs = server.exchange.swarm(IMAGE.id)?.map.runs ?? 0
  const copyBytes = (runs + 1) * MiB
  /** Until it has more than two copies; then the background lets a MiB through before it counts. */
  const through = Math.ceil((SERVE_COPIES_MAX * copyBytes + MiB) / FIRST_RUN_BYTES) + 1
  let given = 0
  const wants = Array.from({ length: 4 }, async () => {
    for (let i = 0; i < through && !greedy.connection.closed; i++)
      if ((await wantAgain(greedy.connection)) === 'ok') given++
  })
  for (let i = 0; i < 10; i++) await moment(clock)
  assert.ok(
    given * FIRST_RUN_BYTES > SERVE_COPIES_MAX * copyBytes && given <= through,
    `${given} of ${through}`,
  )
  assert.ok(server.exchange.serving.servedBytes.background > 0)
  assert.ok(server.exchange.serving.servedBytes.requested <= SERVE_COPIES_MAX * copyBytes + MiB)
  const first = want(honest.connection)
  await moment(clock)
  assert.is(await first, 'ok', 'others do not wait for it')
  assert.ok(server.exchange.serving.waiting > 0, 'it still waits')
  await greedy.connection.close()
  await moment(clock)
  await Promise.all(wants)
  await server.exchange.stop()
})

/** Fetches the image in virtual time; milliseconds until it was here. */
async function fetchTime(rates: ExchangeRates, ofClass: 'guest' | 'requested' | 'background') {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const server = await startPeer(network, 'server', { holds: LARGE, clock })
  const peer = await startPeer(network, 'peer', { clock, rates })
  const exp = Math.floor(clock.now() / 1000) + 300
  const grant = testGrant('peer', LARGE.id, { exp })
  const session = peer.exchange.openSession({ manifest: LARGE.id, grant, class: ofClass })
  let done = false
  const running = session.run().then(() => {
    done = true
  })
  session.learn([server.address])
  const beginMs = clock.monotonic()
  while (!done && clock.monotonic() - beginMs < 120_000) await clock.advance(20)
  const tookMs = clock.monotonic() - beginMs
  await running
  await Promise.all([peer.exchange.stop(), server.exchange.stop()])
  return tookMs
}

test('a session receives no faster than it may, by class; what a machine waits for waits for no limit', async () => {
  const free = await fetchTime({}, 'requested')
  assert.ok(free < 2000, `${free} ms without a limit`)
  const overall = { download: { bytesPerSecond: MiB } }
  const limited = await fetchTime(overall, 'requested')
  // The burst and what is wanted ahead of it come at once
  assert.ok(limited > 4000 && limited < 12_000, `${limited} ms`)
  assert.ok((await fetchTime(overall, 'guest')) < 2000)
  const background = { download: { backgroundBytesPerSecond: MiB } }
  assert.ok((await fetchTime(background, 'background')) > 4000)
  assert.ok((await fetchTime(background, 'requested')) < 2000)
})

test('the metrics say what is served, waits and was refused', async () => {
  const { clock, server, member } = await setUp()
  const registry = new Registry()
  addServingMetrics(registry, { prefix: 'bootswarm_node', serving: () => server.exchange.serving })
  const { connection } = member('peer')
  await moment(clock)
  const asked = want(connection)
  await moment(clock)
  assert.is(await asked, 'ok')
  const text = await registry.metrics()
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    )
  assert.is(value('bootswarm_node_served_bytes_total{class="requested"}'), FIRST_RUN_BYTES)
  assert.is(value('bootswarm_node_served_bytes_total{class="guest"}'), 0)
  assert.is(value('bootswarm_node_requests_waiting'), 0)
  assert.is(value('bootswarm_node_requests_refused_total'), 0)
  assert.is(value('bootswarm_node_places_refused_total'), 0)
  await server.exchange.stop()
})

test.run()
