import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Channel } from '../../src/core/carrier.ts'
import { UnreachableError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { HostInit, Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import { addressOf, countBytes, newPeerKey, startHost, until } from '../fixtures/hosts.ts'

const test = suite<{ hosts: Libp2pHost[]; start: (init?: Partial<HostInit>) => Promise<Libp2pHost> }>(
  'libp2p host',
)

test.before.each((context) => {
  context.hosts = []
  context.start = async (init) => {
    const host = await startHost(init)
    context.hosts.push(host)
    return host
  }
})

test.after.each(async (context) => {
  await Promise.all(context.hosts.map((host) => host.stop()))
})

test('opens a channel whose ends know each other by their proved keys', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const accepted = Promise.withResolvers<Channel>()
  b.accept((channel) => accepted.resolve(channel))
  const outbound = await a.open(addressOf(b))
  const inbound = await accepted.promise
  assert.is(outbound.peer, b.self)
  assert.is(inbound.peer, a.self)
  assert.is(outbound.inbound, false)
  assert.is(inbound.inbound, true)
})

test('keeps the order and the bytes of what is sent', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  b.accept(async (channel) => {
    for await (const piece of channel.receive()) if (!channel.send(piece)) await channel.drained()
    await channel.close()
  })
  const channel = await a.open(addressOf(b))
  const sent = Array.from({ length: 40 }, (_, index) => new Uint8Array(1 + index * 5000).fill(index))
  const sending = (async () => {
    for (const bytes of sent) if (!channel.send(bytes)) await channel.drained()
    await channel.close()
  })()
  const received: Uint8Array[] = []
  for await (const piece of channel.receive()) received.push(piece)
  await sending
  assert.is(Buffer.compare(Buffer.concat(received), Buffer.concat(sent)), 0)
})

test('uses the connection that exists for a second channel', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const peers = new Set<PeerKey>()
  b.accept((channel) => void peers.add(channel.peer))
  const channels = await Promise.all([a.open(addressOf(b)), a.open(addressOf(b))])
  channels.push(await a.open({ peer: b.self, addresses: [] }))
  await until(() => peers.size === 1)
  assert.is(a.connections(), 1)
  assert.is(b.connections(), 1)
})

test('refuses somebody else at the address of a peer', async ({ start }) => {
  const [a, b, other] = [await start(), await start(), await start()]
  const error = await failureOf(a.open({ peer: other.self, addresses: b.addresses() }))
  assert.instance(error, UnreachableError)
  assert.match(error.message, 'did not prove to be peer')
})

test('says when a peer does not speak the exchange protocol', async ({ start }) => {
  const a = await start()
  const stranger = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  try {
    const peer = stranger.peerId.toString() as PeerKey
    const addresses = stranger.getMultiaddrs().map((address) => address.toString())
    const error = await failureOf(a.open({ peer, addresses }))
    assert.instance(error, UnreachableError)
    assert.match(error.message, 'does not speak the protocol')
  } finally {
    await stranger.stop()
  }
})

test('says when nobody listens or no address is usable', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const gone = addressOf(b)
  await b.stop()
  assert.instance(await failureOf(a.open(gone)), UnreachableError)
  const nonsense = { peer: gone.peer, addresses: ['', '/ip4/300.1.1.1/tcp/1', '/dns4', 'x'.repeat(100_000)] }
  assert.instance(await failureOf(a.open(nonsense)), UnreachableError)
})

test('stops opening when asked to', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const error = await failureOf(a.open(addressOf(b), { signal: AbortSignal.abort() }))
  assert.is((error as { code?: string }).code, 'E_ABORTED')
})

test('has no room for a channel before it accepts any', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const channel = await a.open(addressOf(b))
  assert.instance(await failureOf(countBytes(channel)), UnreachableError)
})

test('ends on both sides when both have closed', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const counted = Promise.withResolvers<number>()
  b.accept(async (channel) => {
    counted.resolve(await countBytes(channel))
    await channel.close()
  })
  const channel = await a.open(addressOf(b))
  channel.send(new Uint8Array(100_000))
  await channel.close()
  await channel.close()
  assert.is(await countBytes(channel), 0)
  assert.is(await counted.promise, 100_000)
  assert.is(channel.send(new Uint8Array(1)), false)
  assert.instance(await failureOf(channel.drained()), UnreachableError)
})

test('breaks the other side when a channel is aborted', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const broken = Promise.withResolvers<unknown>()
  b.accept((channel) => void failureOf(countBytes(channel)).then(broken.resolve))
  const channel = await a.open(addressOf(b))
  channel.send(new Uint8Array(1000))
  channel.abort(new UnreachableError('changed my mind'))
  assert.instance(await broken.promise, UnreachableError)
  assert.match((await failureOf(countBytes(channel))).message, 'changed my mind')
  assert.is(channel.send(new Uint8Array(1)), false)
})

test('loses nothing that was sent when a host stops after closing', async ({ start }) => {
  const [a, b] = [await start(), await start()]
  const bytes = new Uint8Array(3_000_000)
  b.accept(async (channel) => {
    channel.send(bytes)
    await channel.close()
    await b.stop()
  })
  const channel = await a.open(addressOf(b))
  assert.is(await countBytes(channel), bytes.byteLength)
})

test('sends small pieces in order, in large frames and small', async ({ start }) => {
  const [a, b] = [await start(), await start({ limits: { coalesceBytes: 1 } })]
  const echo = async (channel: Channel) => {
    for await (const piece of channel.receive()) if (!channel.send(piece)) await channel.drained()
    await channel.close()
  }
  b.accept((channel) => void echo(channel))
  const channel = await a.open(addressOf(b))
  for (let index = 0; index < 50_000; index++) channel.send(Uint8Array.of(index % 251))
  await channel.close()
  let index = 0
  for await (const piece of channel.receive()) for (const byte of piece) if (byte === index % 251) index++
  assert.is(index, 50_000)
})

test('waits no longer than the linger time for a side that never closes', async ({ start }) => {
  const a = await start({ limits: { lingerTimeoutMs: 50 } })
  const b = await start()
  b.accept(() => {})
  const channel = await a.open(addressOf(b))
  await channel.close()
  assert.instance(await failureOf(countBytes(channel)), UnreachableError)
})

test('tells no loopback address where it has another', async ({ start }) => {
  const host = await start({ announce: ['/ip4/127.0.0.1/tcp/4001', '/ip4/192.0.2.1/tcp/4001'] })
  assert.equal(host.addresses(), ['/ip4/192.0.2.1/tcp/4001'])
})

test('keeps its identity with its key', async ({ start }) => {
  const privateKey = await newPeerKey()
  const first = await start({ privateKey })
  await first.stop()
  assert.is((await start({ privateKey })).self, first.self)
})

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('should have failed')
}

test.run()
