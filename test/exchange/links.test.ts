import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CONNECTION_IDLE_MS,
  CONNECTION_LEFT_MS,
  EXCHANGE_CHANNELS_MAX,
  EXCHANGE_GRANT_TIMEOUT_MS,
} from '../../src/core/limits.ts'
import { connectByHand } from '../fixtures/by-hand.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('links')
const IMAGE = swarmImage([1, 2, 3])
/** The sweep looks three times in this time. */
const DROPPED_MS = (EXCHANGE_GRANT_TIMEOUT_MS * 4) / 3

async function setUp() {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const server = await startPeer(network, 'server', { holds: IMAGE, clock })
  const connect = (from: string) => connectByHand(network, clock, { from, to: 'server' })
  const open = (from: string) => {
    const connection = connect(from)
    const opened = connection.open(
      IMAGE.id,
      testGrant(from, IMAGE.id, { exp: Math.floor(clock.now() / 1000) + 300 }),
    )
    return { connection, opened }
  }
  const peers = () => server.exchange.peers().map(({ peer }) => String(peer))
  return { clock, server, connect, open, peers }
}

test('a channel in which no swarm was opened is dropped, whatever else it says', async () => {
  const { clock, server, connect, open, peers } = await setUp()
  const stranger = connect('stranger')
  const { opened } = open('member')
  await clock.advance(100)
  await opened
  for (let i = 0; i < 4; i++) {
    stranger.send({ type: 'cancel', request: 1 })
    stranger.send({ type: 'ask', id: 1, request: 1, count: 8, starving: true })
    await clock.advance(DROPPED_MS / 4)
  }
  assert.equal(peers(), ['member'])
  await server.exchange.stop()
})

test('a channel that was used and is not any more is closed later', async () => {
  const { clock, server, open, peers } = await setUp()
  const { connection, opened } = open('member')
  await clock.advance(100)
  const { id } = await opened
  await clock.advance(2 * CONNECTION_IDLE_MS)
  assert.equal(peers(), ['member'])
  connection.send({ type: 'leave', id, byOpener: true })
  connection.want({ id, run: 0, missing: new Uint8Array([1]) }).answer.catch(() => {})
  await clock.advance(DROPPED_MS)
  assert.equal(peers(), [], 'wants in a swarm that it has left are no use')
  await server.exchange.stop()
})

test('a channel in which all swarms were left is closed soon, also between two who have everything', async () => {
  const { clock, server, open, peers } = await setUp()
  const { connection, opened } = open('member')
  await clock.advance(100)
  connection.send({ type: 'leave', id: (await opened).id, byOpener: true })
  await clock.advance(CONNECTION_LEFT_MS - 1)
  assert.equal(peers(), ['member'], 'it may begin with another image')
  await clock.advance(100)
  assert.equal(peers(), [])
  assert.ok(connection.closed)
  await server.exchange.stop()
})

test('a channel in which another swarm was opened in time stays', async () => {
  const { clock, server, open, peers } = await setUp()
  const { connection, opened } = open('member')
  await clock.advance(100)
  connection.send({ type: 'leave', id: (await opened).id, byOpener: true })
  await clock.advance(CONNECTION_LEFT_MS / 2)
  const again = connection.open(IMAGE.id, testGrant('member', IMAGE.id))
  await clock.advance(4 * CONNECTION_LEFT_MS)
  await again
  assert.equal(peers(), ['member'])
  await server.exchange.stop()
})

test('of three channels of one peer the oldest without a swarm gives way', async () => {
  const { clock, server, connect, open, peers } = await setUp()
  const { connection: first, opened } = open('peer')
  await clock.advance(100)
  await opened
  const second = connect('peer')
  const third = connect('peer')
  await clock.advance(100)
  assert.equal([first.closed, second.closed, third.closed], [false, true, false])
  assert.is(peers().length, 2)
  await server.exchange.stop()
})

test('strangers that fill all channels keep nobody out', async () => {
  const { clock, server, connect, open, peers } = await setUp()
  const { connection: member, opened } = open('member')
  await clock.advance(100)
  await opened
  const strangers = Array.from({ length: EXCHANGE_CHANNELS_MAX - 1 }, (_, i) => connect(`stranger-${i}`))
  const late = open('late')
  await clock.advance(100)
  assert.ok(await late.opened)
  assert.is(peers().length, EXCHANGE_CHANNELS_MAX)
  assert.is(member.closed, false)
  assert.equal(
    strangers.filter(({ closed }) => closed),
    strangers.slice(0, 1),
  )
  await server.exchange.stop()
})

test.run()
