import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listenError } from '../../src/p2p/listen-errors.ts'
import { failureOf } from '../fixtures/failure.ts'
import { startHost } from '../fixtures/hosts.ts'

const test = suite('listening of a libp2p host')

async function problemOf(...listen: string[]): Promise<string> {
  const error = await failureOf(startHost({ listen }))
  assert.is(error.code, 'E_CONFIG', error.message)
  assert.not.match(error.message, 'faultTolerance')
  return error.message
}

test('a port that is taken is named, with what to change', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = `/ip4/127.0.0.1/tcp/${(taken.address() as AddressInfo).port}`
  try {
    assert.is(
      await problemOf('/ip4/127.0.0.1/tcp/0', address),
      `p2p.listen: cannot listen on ${address} (EADDRINUSE): the port is taken, by another program or another one of these`,
    )
  } finally {
    taken.close()
  }
})

test('so are an address of another host and a transport that is not there', async () => {
  assert.match(await problemOf('/ip4/192.0.2.7/tcp/0'), /192\.0\.2\.7.*EADDRNOTAVAIL/)
  assert.match(await problemOf('/ip4/127.0.0.1/udp/4001/quic-v1'), /quic-v1: only \/tcp/)
})

test('an error that is not known stays what it is', () => {
  const defect = new TypeError('x is not a function')
  assert.is(listenError(defect), defect)
  const other = Object.assign(new Error('said in other words'), { name: 'UnsupportedListenAddressesError' })
  assert.is(listenError(other), other)
})

test.run()
