import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EXCHANGE_PROTOCOL } from '../../src/core/carrier.ts'
import { startHost, until } from '../fixtures/hosts.ts'

const CLIENTS = 150

const test = suite('mass dial')

test('accepts 150 peers that dial at the same moment from one address', async () => {
  const host = await startHost()
  const channels = new Set<string>()
  host.accept((channel) => void channels.add(channel.peer))
  const target = multiaddr(`${host.addresses()[0]}/p2p/${host.self}`)
  const clients = await Promise.all(Array.from({ length: CLIENTS }, lightClient))
  try {
    await Promise.all(clients.map((client) => client.dialProtocol(target, EXCHANGE_PROTOCOL)))
    await until(() => channels.size === CLIENTS)
    assert.is(host.connections(), CLIENTS)
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
    await host.stop()
  }
})

/** Only what is needed to dial. */
function lightClient() {
  return createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { dialTimeout: 30_000, addressDialTimeout: 30_000 },
  })
}

test.run()
