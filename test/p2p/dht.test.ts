import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, digestOf } from '../../src/core/cid.ts'
import type { ContentRouting } from '../../src/core/content-routing.ts'
import { AbortedError, UnreachableError } from '../../src/core/errors.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import type { Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import { addressOf, newPeerKey, startDht, startHost, until } from '../fixtures/hosts.ts'

const HOSTS = 8

const test = suite<{ dir: string; hosts: Libp2pHost[] }>('DHT')

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'bootswarm-dht-'))
  context.hosts = await startDht(HOSTS)
})

test.after(async ({ dir, hosts }) => {
  await Promise.all(hosts.map((host) => host.stop()))
  await rm(dir, { recursive: true })
})

test('lets every host find who provides a key, with addresses to dial', async ({ hosts }) => {
  const key = digestOf(Buffer.from('root of an image'))
  const [first, second, ...others] = hosts as [Libp2pHost, Libp2pHost, ...Libp2pHost[]]
  await contentOf(first).provide(key)
  await contentOf(second).provide(key)
  for (const host of others) {
    const providers = await find(host, key)
    assert.equal(providers.map((provider) => provider.peer).sort(), [first.self, second.self].sort())
    for (const provider of providers) assert.ok(provider.addresses.length > 0)
  }
  assert.equal(
    (await find(first, key)).map((provider) => provider.peer),
    [second.self],
  )
})

test('finds nobody for a key that nobody provides', async ({ hosts }) => {
  const key = digestOf(Buffer.from('unknown'))
  for (const host of hosts.slice(0, 2)) assert.equal(await find(host, key), [])
})

test('stops when asked to', async ({ hosts }) => {
  const [host] = hosts as [Libp2pHost]
  const key = digestOf(Buffer.from('stopped'))
  const options = { signal: AbortSignal.abort() }
  assert.instance(await failureOf(contentOf(host).provide(key, options)), AbortedError)
})

test('says at once that no peer of the DHT is connected', async () => {
  const host = await startHost({ dht: { bootstrap: [] } })
  try {
    const key = digestOf(Buffer.from('alone'))
    assert.instance(await failureOf(contentOf(host).provide(key)), UnreachableError)
    assert.instance(await failureOf(find(host, key)), UnreachableError)
  } finally {
    await host.stop()
  }
})

test('keeps provider records over a restart when it has a directory', async ({ dir }) => {
  const key = digestOf(Buffer.from('to be kept'))
  const init = {
    privateKey: await newPeerKey(),
    dht: { datastoreDir: join(dir, 'keeper'), bootstrap: [] },
  }
  const before = await startHost(init)
  const provider = await startHost({ dht: { bootstrap: [addressOf(before)] } })
  await until(() => provider.dhtPeers().includes(before.self))
  await contentOf(provider).provide(key)
  // What was sent need not have been stored yet.
  await until(async () => (await find(before, key)).length > 0)
  await provider.stop()
  await before.stop()
  const after = await startHost(init)
  const asker = await startHost({ dht: { bootstrap: [addressOf(after)] } })
  try {
    await until(() => asker.dhtPeers().includes(after.self))
    const [found] = await find(asker, key)
    assert.is(found?.peer, provider.self)
    assert.ok((found?.addresses.length ?? 0) > 0)
  } finally {
    await asker.stop()
    await after.stop()
  }
})

test('dials its bootstrap peers again when the last peer has left', async () => {
  const privateKey = await newPeerKey()
  const first = await startHost({ privateKey, dht: { bootstrap: [] } })
  const listen = first.addresses()
  const limits = { bootstrapIntervalMs: 100 }
  const second = await startHost({ dht: { bootstrap: [addressOf(first)] }, limits })
  await until(() => second.dhtPeers().length === 1)
  await first.stop()
  await until(() => second.dhtPeers().length === 0)
  const again = await startHost({ privateKey, listen, dht: { bootstrap: [] } })
  await until(() => second.dhtPeers().length === 1)
  await second.stop()
  await again.stop()
})

test('a peer that has died is asked no more: it is out of the table', async () => {
  const hosts = await startDht(4)
  const [first, , , last] = hosts as [Libp2pHost, Libp2pHost, Libp2pHost, Libp2pHost]
  await until(() => first.tablePeers().then((peers) => peers.includes(last.self)))
  await last.stop()
  await until(() => first.tablePeers().then((peers) => !peers.includes(last.self)), 30_000)
  assert.is((await first.tablePeers()).length, 2)
  await Promise.all(hosts.map((host) => host.stop()))
})

function contentOf(host: Libp2pHost): ContentRouting {
  if (host.contentRouting === undefined) throw new Error('a host without a DHT')
  return host.contentRouting
}

async function find(host: Libp2pHost, key: Digest): Promise<PeerAddress[]> {
  const found: PeerAddress[] = []
  for await (const provider of contentOf(host).findProviders(key)) found.push(provider)
  return found
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

test.run()
