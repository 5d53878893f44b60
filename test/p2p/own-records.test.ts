import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestOf } from '../../src/core/cid.ts'
import type { Libp2pHost } from '../../src/p2p/libp2p-host.ts'
import { addressOf, startHost, until } from '../fixtures/hosts.ts'

const test = suite('own records')

async function providersOf(host: Libp2pHost, text: string): Promise<string[]> {
  const found: string[] = []
  const key = digestOf(Buffer.from(text))
  for await (const { peer } of host.contentRouting?.findProviders(key) ?? []) found.push(peer)
  return found
}

test('nobody but the announcing policy renews a record: what it leaves alone expires', async () => {
  // kad-dht would renew each of them every 100 ms, all at once.
  const limits = { recordValidityMs: 1_500, recordRenewMs: 1_400, recordIntervalMs: 100 }
  const keeper = await startHost({ dht: { bootstrap: [] }, limits })
  const provider = await startHost({ dht: { bootstrap: [addressOf(keeper)] }, limits })
  const asker = await startHost({ dht: { bootstrap: [addressOf(keeper)] }, limits })
  try {
    for (const host of [provider, asker]) await until(() => host.dhtPeers().includes(keeper.self))
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`)
    await Promise.all(keys.map((key) => provider.contentRouting?.provide(digestOf(Buffer.from(key)))))
    assert.equal(await providersOf(asker, 'key 7'), [provider.self])
    const gone = async (key: string) => (await providersOf(asker, key)).length === 0
    await until(async () => (await Promise.all(keys.map(gone))).every(Boolean))
  } finally {
    for (const host of [asker, provider, keeper]) await host.stop()
  }
})

test.run()
