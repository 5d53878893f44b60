import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  EXCHANGE_MESSAGE_ITEMS,
  EXCHANGE_MESSAGES_BURST,
  EXCHANGE_MESSAGES_PER_SECOND,
} from '../../src/core/limits.ts'
import { Connection } from '../../src/exchange/connection.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { HAVE_RUNS_MAX } from '../../src/wire/message-codec.ts'
import type { Message } from '../../src/wire/message-types.ts'
import { testBook } from '../fixtures/admission.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('message allowance')
const CANCEL: Message = { type: 'cancel', request: 1 }
/** Time to read what a burst allows, in which the clock stands nearly still. */
const MOMENT_MS = 50

/** A peer that counts what it reads, and somebody who is connected to it. */
async function setUp() {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const read = { asked: 0, runs: 0, closed: false }
  const events = {
    asked() {
      read.asked++
    },
    have(_: Connection, message: { runs: number[] }) {
      read.runs += message.runs.length
    },
    closed() {
      read.closed = true
    },
  }
  network.carrier('reader').accept((channel) => {
    const admission = testBook({ clock, peer: 'reader' })
    const buffers = new BufferPool({ bytes: 1, keepMax: 0 })
    new Connection({ channel, clock, admission, events, buffers }).start('reader')
  })
  const flooder = connectByHand(network, clock, { from: 'flooder', to: 'reader' })
  await clock.advance(MOMENT_MS)
  await flooder.hello()
  return { clock, flooder, read }
}

const within = (value: number, low: number, high: number) =>
  assert.ok(value >= low && value <= high, `${value} is not from ${low} to ${high}`)

test('a flood is read at the rate that a channel has, and nothing of it is lost', async () => {
  const { clock, flooder, read } = await setUp()
  const messages = EXCHANGE_MESSAGES_BURST + 3 * EXCHANGE_MESSAGES_PER_SECOND
  for (let i = 0; i < messages; i++) flooder.send(CANCEL)
  await clock.advance(MOMENT_MS)
  within(read.asked, EXCHANGE_MESSAGES_BURST, EXCHANGE_MESSAGES_BURST + EXCHANGE_MESSAGES_PER_SECOND / 10)
  const before = read.asked
  await clock.advance(1000)
  within(read.asked - before, EXCHANGE_MESSAGES_PER_SECOND * 0.9, EXCHANGE_MESSAGES_PER_SECOND * 1.1)
  await clock.advance(2500)
  assert.is(read.asked, messages)
  assert.is(read.closed, false)
})

test('a list costs as much as its length', async () => {
  const { clock, flooder, read } = await setUp()
  const runs = Array.from({ length: HAVE_RUNS_MAX }, (_, run) => run)
  const cost = 1 + HAVE_RUNS_MAX / EXCHANGE_MESSAGE_ITEMS
  const perSecond = (EXCHANGE_MESSAGES_PER_SECOND / cost) * HAVE_RUNS_MAX
  const burst = (EXCHANGE_MESSAGES_BURST / cost) * HAVE_RUNS_MAX
  for (let sent = 0; sent < burst + 3 * perSecond; sent += HAVE_RUNS_MAX)
    flooder.have({ id: 1, byOpener: true, runs })
  await clock.advance(MOMENT_MS)
  within(read.runs, burst - HAVE_RUNS_MAX, burst + perSecond / 10 + HAVE_RUNS_MAX)
  const before = read.runs
  await clock.advance(1000)
  within(read.runs - before, perSecond * 0.9, perSecond * 1.1)
  assert.is(read.closed, false)
})

test('what a channel has not used in a while it may send at once', async () => {
  const { clock, flooder, read } = await setUp()
  for (let i = 0; i < EXCHANGE_MESSAGES_BURST; i++) flooder.send(CANCEL)
  await clock.advance(10_000)
  for (let i = 0; i < EXCHANGE_MESSAGES_BURST; i++) flooder.send(CANCEL)
  await clock.advance(MOMENT_MS)
  assert.is(read.asked, 2 * EXCHANGE_MESSAGES_BURST)
})

test('others are answered while one channel floods', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const image = swarmImage([1, 2, 3])
  const server = await startPeer(network, 'server', { holds: image, clock })
  const flooder = connectByHand(network, clock, { from: 'flooder', to: 'server' })
  const honest = connectByHand(network, clock, { from: 'honest', to: 'server' })
  for (let i = 0; i < 4 * EXCHANGE_MESSAGES_BURST; i++) flooder.send(CANCEL)
  const opened = honest.open(image.id, testGrant('honest', image.id))
  await clock.advance(MOMENT_MS)
  await opened
  const { answer } = honest.want({ id: (await opened).id, run: 0, missing: new Uint8Array([1]) })
  await clock.advance(MOMENT_MS)
  assert.is((await answer).entries.length, 1)
  assert.is(flooder.closed, false)
  await server.exchange.stop()
})

test.run()
