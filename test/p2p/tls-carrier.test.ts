import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { multiaddr } from '@multiformats/multiaddr'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Channel, Landing } from '../../src/core/carrier.ts'
import { CODEC_RAW, type Codec } from '../../src/core/frame.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import { Trust } from '../../src/identity/trust.ts'
import { passFrame } from '../../src/p2p/pass-frame.ts'
import { EXCHANGE_ALPN } from '../../src/p2p/peer-tls.ts'
import { encodeBlocks, encodeMessage } from '../../src/wire/message-codec.ts'
import { MessageReader } from '../../src/wire/message-reader.ts'
import type { Message } from '../../src/wire/message-types.ts'
import { failureOf } from '../fixtures/failure.ts'
import { addressOf, countBytes, until } from '../fixtures/hosts.ts'
import { makeProxy } from '../fixtures/make-proxy.ts'
import { withScratch } from '../fixtures/scratch.ts'
import { Site } from '../fixtures/site.ts'
import { type TlsPeer, TlsSite } from '../fixtures/tls-peers.ts'

const test = suite('TLS carrier')
const SHORT = { passTimeoutMs: 500, inboundUpgradeTimeoutMs: 500, passSweepIntervalMs: 50 }
const MiB = 1024 * 1024

let net: TlsSite

test.before(async () => {
  net = await TlsSite.create()
})
test.after.each(() => net.stop())

/** Opens a channel from `a` to `b`, both ends. */
async function pair(a: TlsPeer, b: TlsPeer): Promise<{ out: Channel; in: Channel }> {
  const accepted = Promise.withResolvers<Channel>()
  b.carrier.accept((channel) => accepted.resolve(channel))
  const out = await a.carrier.open(addressOf(b.host))
  return { out, in: await accepted.promise }
}

/** The error code of opening, and that nothing was handed out. */
async function refused(a: TlsPeer, b: TlsPeer): Promise<string | undefined> {
  let handed = 0
  b.carrier.accept(() => handed++)
  const { code } = await failureOf(a.carrier.open(addressOf(b.host)))
  await until(() => b.carrier.strangers === 0)
  assert.is(handed, 0)
  return code
}

function portOf(peer: TlsPeer): number {
  const [, tcp] = multiaddr(peer.host.addresses()[0]).getComponents()
  return Number(tcp?.value)
}

/** TLS by hand: what a program of somebody else could do. */
async function byHand(peer: TlsPeer, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: portOf(peer), rejectUnauthorized: false, ...options })
  socket.on('error', () => {})
  const ready = Promise.withResolvers<void>()
  socket.once('secureConnect', ready.resolve)
  socket.once('close', ready.resolve)
  await ready.promise
  return socket
}

const shown = ({ certificatePem, keyPem }: Identity) => ({ cert: certificatePem, key: keyPem })

async function answerOf(socket: TLSSocket): Promise<Buffer> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return Buffer.concat(pieces)
}

test('opens a channel whose ends know each other by pass and certificate, over one port with libp2p', async () => {
  const limits = { introducedDelayMs: 1, bootstrapIntervalMs: 100 }
  const [a, b] = [await net.peer({ dht: true, limits }), await net.peer({ dht: true })]
  const channel = await pair(a, b)
  assert.equal([channel.out.peer, channel.in.peer], [b.carrier.self, a.carrier.self])
  assert.equal([channel.out.inbound, channel.in.inbound], [false, true])
  await until(() => a.host.dhtPeers().includes(b.carrier.self))
})

test('keeps the order and the bytes of what is sent, small and large', async () => {
  const [a, b] = [await net.peer(), await net.peer()]
  const ends = await pair(a, b)
  void (async () => {
    for await (const piece of ends.in.receive()) if (!ends.in.send(piece)) await ends.in.drained()
    await ends.in.close()
  })()
  const sent = Array.from({ length: 60 }, (_, i) => new Uint8Array(1 + i * 17_000).fill(i))
  const sending = (async () => {
    for (const bytes of sent) if (!ends.out.send(bytes)) await ends.out.drained()
    await ends.out.close()
  })()
  const received: Uint8Array[] = []
  for await (const piece of ends.out.receive()) received.push(piece)
  await sending
  assert.is(Buffer.compare(Buffer.concat(received), Buffer.concat(sent)), 0)
})

test('sends all that waits behind a large piece when it is closed', async () => {
  const [a, b] = [await net.peer(), await net.peer()]
  const ends = await pair(a, b)
  const sent = [MiB, 5, 7, MiB, 200_000, 3].map((bytes, i) => new Uint8Array(bytes).fill(i + 1))
  for (const piece of sent) ends.in.send(piece)
  const closing = ends.in.close()
  const received: Uint8Array[] = []
  for await (const piece of ends.out.receive()) received.push(piece)
  await closing
  assert.is(Buffer.compare(Buffer.concat(received), Buffer.concat(sent)), 0)
})

test('puts the bodies of blocks where the receiver wants them', async () => {
  const [a, b] = [await net.peer(), await net.peer()]
  const ends = await pair(a, b)
  const reader = new MessageReader({ expectsBulk: () => true })
  let landed = 0
  const landing: Landing = {
    take: (piece) => reader.take(piece),
    room: () => reader.room(),
    landed: (bytes) => {
      landed += bytes
      reader.landed(bytes)
    },
    get waitingBytes() {
      return reader.waitingBytes
    },
  }
  const bodies = [1, 2, 3, 4].map((n) => new Uint8Array(MiB - 4 * n).fill(n))
  for (const [request, body] of bodies.entries()) {
    const entry = { codec: CODEC_RAW as Codec, storedLength: body.length / 4 }
    const entries = [0, 1, 2, 3].map((index) => ({ ...entry, index }))
    for (const piece of encodeBlocks({ request, entries }, [body])) ends.in.send(piece)
    ends.in.send(encodeMessage({ type: 'cancel', request })[0] ?? new Uint8Array(0))
  }
  void ends.in.close()
  const messages: Message[] = []
  for await (const piece of ends.out.receive(landing)) messages.push(...reader.push(piece))
  assert.equal(
    messages.map(({ type }) => type),
    bodies.flatMap(() => ['blocks', 'cancel']),
  )
  const blocks = messages.filter((message) => message.type === 'blocks')
  blocks.forEach(({ payload }, i) => {
    assert.is(Buffer.compare(payload, bodies[i] ?? payload), 0)
  })
  assert.ok(landed > 3 * MiB, `${landed} bytes landed`)
})

test('reads no further than it may when nobody takes what arrives', async () => {
  const [a, b] = [await net.peer({ limits: { receivePauseBytes: MiB } }), await net.peer()]
  const ends = await pair(a, b)
  let room = true
  for (let i = 0; i < 64 && room; i++) room = ends.in.send(new Uint8Array(MiB))
  assert.is(room, false)
  const counting = countBytes(ends.out)
  await ends.in.drained()
  await ends.in.close()
  assert.ok((await counting) >= MiB)
})

test('is not taken in by a pass of somebody else', async () => {
  const [victim, b] = [await net.peer(), await net.peer({ limits: SHORT })]
  const stolen = victim.passes.own() ?? ''
  const thief = await net.peer({ pass: async () => stolen })
  assert.is(await refused(thief, b), 'E_UNREACHABLE')
  assert.is(b.passes.of(victim.carrier.self), undefined)
  assert.is(b.passes.refused, 1)
})

test('finds out an impostor at the address of a peer', async () => {
  const [a, b] = [await net.peer(), await net.peer()]
  const failed = await failureOf(
    a.carrier.open({ peer: (await net.peer()).carrier.self, addresses: b.host.addresses() }),
  )
  assert.is(failed.code, 'E_UNREACHABLE')
  // who shows the pass of the peer that was wanted, with a certificate of its own
  const impostor = await net.peer({ pass: async () => b.passes.own() ?? '' })
  impostor.carrier.accept(() => {})
  const address = { peer: b.carrier.self, addresses: impostor.host.addresses() }
  assert.is((await failureOf(a.carrier.open(address))).code, 'E_UNREACHABLE')
})

test('refuses a certificate of another site, a proxy, none, and one that was taken back', async () => {
  const b = await net.peer({ limits: SHORT })
  const own = await net.node('node-x')
  const elsewhere = await (await Site.create('Elsewhere')).issue({ kind: 'node', commonName: 'node-x' })
  const key = (await net.peer()).carrier.self
  const pass = await net.pass({ peer: key, sub: own.principal.dn })
  const proxy = await makeProxy(own)
  for (const identity of [elsewhere, proxy, undefined]) {
    const socket = await byHand(b, {
      ...(identity === undefined ? {} : shown(identity)),
      ALPNProtocols: [EXCHANGE_ALPN],
      minVersion: 'TLSv1.3',
    })
    socket.write(passFrame(pass))
    assert.equal([...(await answerOf(socket))], [0, 0, 0, 0])
  }
  const trust = await withScratch(async (dir) => {
    await writeFile(join(dir, 'ca.pem'), net.site.ca.certificatePem)
    await writeFile(join(dir, 'ca.crl'), net.site.crl(own))
    return await Trust.load({ ca: join(dir, 'ca.pem'), crl: join(dir, 'ca.crl') })
  })
  const strict = await net.peer({ limits: SHORT, trust })
  assert.is(await refused(await net.peer({ identity: own }), strict), 'E_UNREACHABLE')
})

test('a certificate of a user opens nothing, whoever signed it', async () => {
  const b = await net.peer({ limits: SHORT })
  const alice = await net.site.issue({ kind: 'user', commonName: 'alice' })
  const node = await net.peer()
  const asUser = await net.peer({ identity: alice, pass: async () => node.passes.own() ?? '' })
  assert.is(await refused(asUser, b), 'E_UNREACHABLE')
})

test('speaks nothing but the exchange: no other ALPN, no TLS 1.2, no resumption', async () => {
  const b = await net.peer({ limits: SHORT })
  b.carrier.accept(() => {})
  const own = await net.peer()
  const frame = passFrame(own.passes.own())
  const dialler = shown(own.identity)
  for (const ALPNProtocols of [['http/1.1'], undefined]) {
    const socket = await byHand(b, { ...dialler, ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }) })
    if (socket.writable) socket.write(frame)
    const answer = [...(await answerOf(socket))]
    assert.ok(answer.every((byte) => byte === 0) && answer.length <= 4)
  }
  const old = await byHand(b, { ...dialler, ALPNProtocols: [EXCHANGE_ALPN], maxVersion: 'TLSv1.2' })
  assert.is(old.authorized || old.writable, false)
  const socket = await byHand(b, { ...dialler, ALPNProtocols: [EXCHANGE_ALPN] })
  socket.write(frame)
  await once(socket, 'data')
  assert.is(socket.isSessionReused(), false)
  const again = await byHand(b, { ...dialler, ALPNProtocols: [EXCHANGE_ALPN], session: socket.getSession() })
  assert.is(again.isSessionReused(), false)
  socket.destroy()
  again.destroy()
})

test('who says nothing, or half of something, is cut off and keeps nobody out', async () => {
  const b = await net.peer({ limits: { ...SHORT, strangersMax: 4, passTimeoutMs: 1500 } })
  b.carrier.accept(() => {})
  const silent = Array.from({ length: 12 }, () => {
    const socket = connectPlain(portOf(b), '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    return socket
  })
  const halves = silent.slice(6)
  for (const socket of halves) socket.write(Buffer.from([0x16, 3, 1]))
  await until(() => silent.filter(({ destroyed, closed }) => destroyed || closed).length >= 4)
  const a = await net.peer()
  assert.is((await a.carrier.open(addressOf(b.host))).peer, b.carrier.self)
  await until(() => silent.every(({ closed }) => closed))
  assert.is(b.carrier.strangers, 0)
})

test('who shows a pass that is too long, or none in time, is cut off', async () => {
  const b = await net.peer({ limits: SHORT })
  const own = await net.peer()
  const mute = await byHand(b, { ...shown(own.identity), ALPNProtocols: [EXCHANGE_ALPN] })
  await answerOf(mute)
  const long = await byHand(b, { ...shown(own.identity), ALPNProtocols: [EXCHANGE_ALPN] })
  long.write(Buffer.from([0, 0, 2, 0]))
  assert.equal([...(await answerOf(long))], [0, 0, 0, 0])
})

test('a channel ends with the pass of its peer, with its certificate, and with the own pass', async () => {
  const b = await net.peer({ limits: SHORT })
  const nowS = Math.floor(Date.now() / 1000)
  const identity = await net.node('short')
  const brief = await net.peer({
    identity,
    pass: (peer) => net.pass({ peer, sub: identity.principal.dn, exp: nowS + 2 }),
  })
  const ends = await pair(brief, b)
  assert.is((await failureOf(countBytes(ends.in))).code, 'E_GRANT')
  const steady = await net.peer({ limits: SHORT })
  const other = await pair(steady, b)
  steady.passes.setOwn(undefined)
  assert.is((await failureOf(countBytes(other.out))).code, 'E_GRANT')
  await until(() => b.carrier.channels === 0)
  await withScratch(async (dir) => {
    const files = { ca: join(dir, 'ca.pem'), crl: join(dir, 'ca.crl') }
    await writeFile(files.ca, net.site.ca.certificatePem)
    await writeFile(files.crl, net.site.crl())
    const strict = await net.peer({ limits: SHORT, trust: await Trust.load(files) })
    const revoked = await net.peer()
    const last = await pair(revoked, strict)
    await writeFile(files.crl, net.site.crl(revoked.identity))
    await strict.identity.trust.refresh({ evenIfUnchanged: true })
    assert.is((await failureOf(countBytes(last.in))).code, 'E_CERTIFICATE')
  })
})

test('without a pass it neither dials nor answers', async () => {
  const [a, b] = [await net.peer(), await net.peer({ limits: SHORT })]
  a.passes.setOwn(undefined)
  assert.is((await failureOf(a.carrier.open(addressOf(b.host)))).code, 'E_UNREACHABLE')
  b.passes.setOwn(undefined)
  const c = await net.peer()
  assert.is((await failureOf(c.carrier.open(addressOf(b.host)))).code, 'E_UNREACHABLE')
})

test('knows nobody who answers: a dead address, a silent one, a request that is taken back', async () => {
  const a = await net.peer({ limits: { dialTimeoutMs: 700, addressDialTimeoutMs: 300 } })
  const peer = (await net.peer()).carrier.self
  const dead = { peer, addresses: ['/ip4/127.0.0.1/tcp/1', '/unix/tmp', 'nonsense'] }
  assert.is((await failureOf(a.carrier.open(dead))).code, 'E_UNREACHABLE')
  assert.is((await failureOf(a.carrier.open({ peer, addresses: [] }))).code, 'E_UNREACHABLE')
  assert.is((await failureOf(a.carrier.open({ peer: 'nobody' as PeerKey, addresses: [] }))).code, 'E_INVALID')
  const stop = AbortSignal.abort()
  assert.is((await failureOf(a.carrier.open(dead, { signal: stop }))).code, 'E_ABORTED')
})

test('a certificate that was renewed is used for the next connection', async () => {
  const [a, b] = [await net.peer(), await net.peer()]
  await pair(a, b)
  Object.assign(b.identity, await net.node('node-renewed'))
  b.passes.setOwn(await net.pass({ peer: b.carrier.self, sub: b.identity.principal.dn }))
  const ends = await pair(a, b)
  assert.is(a.passes.of(ends.out.peer)?.sub, b.identity.principal.dn)
})

test.run()
