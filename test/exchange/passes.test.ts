import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseManifestId } from '../../src/core/cid.ts'
import { CONNECTION_IDLE_MS, EXCHANGE_GRANT_TIMEOUT_MS, JWS_BYTES_MAX } from '../../src/core/limits.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { Connection } from '../../src/exchange/connection.ts'
import { BufferPool } from '../../src/util/buffer-pool.ts'
import { encodeMessage } from '../../src/wire/message-codec.ts'
import { MessageReader } from '../../src/wire/message-reader.ts'
import type { Message } from '../../src/wire/message-types.ts'
import { careless } from '../../testnet/hostile/careless.ts'
import { testPass } from '../fixtures/admission.ts'
import { startPeer, swarmImage, testGrant } from '../fixtures/exchange-peers.ts'
import { failureOf } from '../fixtures/failure.ts'
import { FakeClock } from '../fixtures/fake-clock.ts'
import { MemoryNetwork } from '../fixtures/memory-carrier.ts'

const test = suite('passes in the exchange')
const IMAGE = swarmImage([1, 2, 3])
const WANT = { id: 1, run: 0, missing: new Uint8Array([1]) }
/** Ends between two looks at all channels. */
const LIFE_S = 302

async function setUp(init: { graceS?: number } = {}) {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const server = await startPeer(network, 'server', { holds: IMAGE, clock, ...init })
  const nowS = () => Math.floor(clock.now() / 1000)
  const passFor = (peer: string) => testPass(peer, { iat: nowS(), exp: nowS() + LIFE_S })
  /** A peer that shows `pass`, whatever that is, and believes everybody. */
  const connect = (pass: string) => {
    const connection = new Connection({
      channel: network.connect('peer' as PeerKey, 'server' as PeerKey),
      ...{ clock, admission: careless(pass), events: { asked() {}, have() {}, closed() {} } },
      buffers: new BufferPool({ bytes: 1, keepMax: 0 }),
    })
    connection.start('test')
    return connection
  }
  const settle = async () => {
    for (let i = 0; i < 10; i++) await clock.advance(1)
  }
  const codeOf = async (answer: Promise<unknown>) => {
    const code = answer.then(
      () => 'ok',
      (error: { code?: string }) => String(error.code),
    )
    await settle()
    return await code
  }
  const enter = async (connection: Connection, more: { exp?: number } = {}) =>
    codeOf(connection.open(IMAGE.id, testGrant('peer', IMAGE.id, more)))
  return { clock, network, server, nowS, passFor, connect, settle, codeOf, enter }
}

/** What the server says to bytes that somebody sends. */
async function answerTo(
  { network, settle }: Awaited<ReturnType<typeof setUp>>,
  messages: readonly Message[],
): Promise<{ heard: Message[]; open: boolean }> {
  const channel = network.connect('peer' as PeerKey, 'server' as PeerKey)
  const heard: Message[] = []
  let open = true
  const read = async () => {
    const reader = new MessageReader({ expectsBulk: () => true })
    for await (const piece of channel.receive()) heard.push(...reader.push(piece))
  }
  const reading = read().then(
    () => (open = false),
    () => (open = false),
  )
  for (const message of messages) for (const piece of encodeMessage(message)) channel.send(piece)
  await settle()
  await Promise.race([reading, settle()])
  return { heard, open }
}

const hello = (pass: string): Message => ({ type: 'hello', version: 1, credit: 1, agent: 'x', pass })

test('whoever dials hears nothing before it has shown a pass', async () => {
  const context = await setUp()
  assert.equal(await answerTo(context, []), { heard: [], open: true })
  const open: Message = { type: 'open', id: 1, manifest: IMAGE.id, grant: testGrant('peer', IMAGE.id) }
  assert.equal(await answerTo(context, [open]), { heard: [], open: false })
  const { heard } = await answerTo(context, [hello(context.passFor('peer')), open])
  assert.equal(
    heard.map(({ type }) => type),
    ['hello', 'opened'],
  )
  await context.server.exchange.stop()
})

test('a pass that is not accepted gets the same answer whatever the reason', async () => {
  const context = await setUp()
  const { server, nowS } = context
  const bad = [
    testPass('somebody else'),
    testPass('peer', { iat: nowS() - 10, exp: nowS() - 1 }),
    testPass('peer', { iat: nowS() + 1000, exp: nowS() + 2000 }),
    JSON.stringify({ peer: 'peer' }),
  ]
  for (const pass of bad)
    assert.equal(await answerTo(context, [hello(pass)]), { heard: [{ type: 'denied' }], open: false }, pass)
  assert.is(server.passes.refused, bad.length)
  await server.exchange.stop()
})

test('whoever is denied is told so, and is not served', async () => {
  const { server, connect, codeOf } = await setUp()
  const connection = connect(testPass('somebody else'))
  assert.is(await codeOf(connection.hello()), 'E_GRANT')
  assert.ok(connection.closed)
  assert.is(server.exchange.peers().length, 0)
  await server.exchange.stop()
})

test('a dialled peer is checked as well', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const [one, two] = [await startPeer(network, 'one', { clock }), await startPeer(network, 'two', { clock })]
  two.passes.setOwn(testPass('another'))
  const connection = await one.exchange.connect(two.address)
  const greeted = failureOf(connection.hello())
  for (let i = 0; i < 10; i++) await clock.advance(1)
  await greeted
  assert.ok(connection.closed)
  assert.is(one.passes.refused, 1)
  await Promise.all([one, two].map(({ exchange }) => exchange.stop()))
})

test('when a pass ends, nothing more is served, and the channel soon closes', async () => {
  const { clock, server, passFor, connect, enter, codeOf } = await setUp()
  const connection = connect(passFor('peer'))
  assert.is(await enter(connection, { exp: 1e10 }), 'ok')
  assert.is(await codeOf(connection.want(WANT).answer), 'ok')
  await clock.advance(LIFE_S * 1000)
  assert.is(await codeOf(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.is(await codeOf(connection.node(1, parseManifestId(IMAGE.id))), 'E_NOT_FOUND')
  assert.is(await enter(connection, { exp: 1e10 }), 'E_GRANT')
  await clock.advance(EXCHANGE_GRANT_TIMEOUT_MS / 3)
  assert.ok(connection.closed)
  await server.exchange.stop()
})

test('a newer pass keeps the channel open', async () => {
  const { clock, server, passFor, connect, enter, codeOf } = await setUp()
  const connection = connect(passFor('peer'))
  assert.is(await enter(connection, { exp: 1e10 }), 'ok')
  for (let i = 0; i < 3; i++) {
    await clock.advance(LIFE_S * 600)
    connection.renewPass(passFor('peer'))
  }
  assert.is(await codeOf(connection.want(WANT).answer), 'ok')
  connection.renewPass(testPass('somebody else'))
  assert.is(await codeOf(connection.want(WANT).answer), 'ok', 'the one before counts to its end')
  await server.exchange.stop()
})

test('newer passes that come too fast are not looked at', async () => {
  const { clock, server, passFor, connect, enter } = await setUp()
  const connection = connect(passFor('peer'))
  await enter(connection)
  for (let i = 0; i < 50; i++) connection.renewPass(testPass('somebody else', { exp: 1e10 + i }))
  await clock.advance(100)
  assert.is(server.passes.refused, 1)
  await server.exchange.stop()
})

test('grace lets an ended pass count', async () => {
  const { clock, server, passFor, connect, enter, codeOf } = await setUp({ graceS: 1000 })
  const connection = connect(passFor('peer'))
  assert.is(await enter(connection, { exp: 1e10 }), 'ok')
  await clock.advance((LIFE_S + 900) * 1000)
  assert.is(await codeOf(connection.want(WANT).answer), 'ok')
  await clock.advance(100_000)
  assert.is(await codeOf(connection.want(WANT).answer), 'E_NOT_FOUND')
  await server.exchange.stop()
})

test('without a pass of its own a peer neither dials nor is spoken to, and drops what it has', async () => {
  const clock = new FakeClock(Date.now())
  const network = new MemoryNetwork()
  const [one, two] = [await startPeer(network, 'one', { clock }), await startPeer(network, 'two', { clock })]
  const connection = await one.exchange.connect(two.address)
  for (let i = 0; i < 10; i++) await clock.advance(1)
  assert.is(two.exchange.peers()[0]?.node, 'node-of-one')
  one.passes.setOwn(undefined)
  assert.ok(connection.closed)
  assert.is((await failureOf(one.exchange.connect(two.address))).code, 'E_GRANT')
  for (let i = 0; i < 10; i++) await clock.advance(1)
  const back = await two.exchange.connect(one.address)
  const greeted = failureOf(back.hello())
  for (let i = 0; i < 10; i++) await clock.advance(1)
  await greeted
  assert.is(one.exchange.peers().length, 0)
  await Promise.all([one, two].map(({ exchange }) => exchange.stop()))
})

test('a stranger makes nobody keep more than a hello', async () => {
  const context = await setUp()
  const { network, settle, server } = context
  const channel = network.connect('peer' as PeerKey, 'server' as PeerKey)
  const head = new Uint8Array(5)
  new DataView(head.buffer).setUint32(0, JWS_BYTES_MAX + 1026, true)
  head[4] = 1
  channel.send(head)
  await settle()
  assert.is(server.exchange.peers().length, 0)
  const large: Message = { type: 'opened', id: 1, runs: 8, have: new Uint8Array(1) }
  assert.equal(await answerTo(context, [large]), { heard: [], open: false })
  await server.exchange.stop()
})

test('a channel in which nobody shows a pass is dropped', async () => {
  const context = await setUp()
  const { clock, network, server } = context
  network.connect('peer' as PeerKey, 'server' as PeerKey)
  assert.is(server.exchange.peers().length, 1)
  await clock.advance(Math.min(EXCHANGE_GRANT_TIMEOUT_MS, CONNECTION_IDLE_MS))
  assert.is(server.exchange.peers().length, 0)
  await server.exchange.stop()
})

test('what an origin takes back ends at once', async () => {
  const { server, passFor, connect, enter, codeOf } = await setUp()
  const connection = connect(passFor('peer'))
  assert.is(await enter(connection), 'ok')
  const [grant] = server.exchange.grants()
  assert.ok(grant)
  server.exchange.endGrant(grant)
  assert.is(await codeOf(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.is(connection.closed, false)
  server.passes.dismiss('peer' as PeerKey)
  assert.is(await codeOf(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'E_GRANT')
  await server.exchange.stop()
})

test('who has withheld an image gives nothing of it, and says nothing of that', async () => {
  const { server, passFor, connect, enter, codeOf } = await setUp()
  const connection = connect(passFor('peer'))
  assert.is(await enter(connection), 'ok')
  const swarm = server.exchange.swarm(IMAGE.id)
  assert.ok(swarm)
  swarm.withheld = true
  assert.is(await codeOf(connection.want(WANT).answer), 'E_NOT_FOUND')
  assert.is(await codeOf(connection.open(IMAGE.id, testGrant('peer', IMAGE.id))), 'E_GRANT')
  swarm.withheld = false
  assert.is(await codeOf(connection.want(WANT).answer), 'ok')
  await server.exchange.stop()
})

test.run()
