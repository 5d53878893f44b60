import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InvalidError } from '../../src/core/errors.ts'
import type { PeerKey } from '../../src/core/router.ts'
import {
  addressText,
  announceable,
  dialableAddresses,
  parsePeer,
  peerKeyOf,
} from '../../src/p2p/peer-addresses.ts'

const PEER = '12D3KooWH8DNhaJTV7X8x2tFSH2WbgMwRHotwaNo44Jzpx8Z9pBc' as PeerKey
const OTHER = '12D3KooWQr8g224KDsrmcbW6fiTj7ASNhF4eTgPFQCZ3mhFXW68r'

const test = suite('peer addresses')

test('bind every address to the peer that it is claimed for', () => {
  const addresses = ['/ip4/192.0.2.1/tcp/4001', `/ip4/192.0.2.2/tcp/4001/p2p/${OTHER}`]
  const dialable = dialableAddresses({ peer: PEER, addresses }, 8).map(String)
  assert.equal(dialable, [`/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`, `/ip4/192.0.2.2/tcp/4001/p2p/${PEER}`])
})

test('are told without the peer', () => {
  assert.is(addressText(multiaddr(`/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`)), '/ip4/192.0.2.1/tcp/4001')
})

test('are no more than allowed, and none of what does not parse', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constant('/ip4/192.0.2.1/tcp/1'))), (addresses) => {
      const dialable = dialableAddresses({ peer: PEER, addresses }, 4)
      assert.ok(dialable.length <= 4)
      for (const address of dialable) assert.ok(address.toString().endsWith(`/p2p/${PEER}`))
    }),
  )
})

test('leave loopback out where there is anything else', () => {
  const [loopback, six, lan] = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip4/192.0.2.1/tcp/1'].map((it) =>
    multiaddr(it),
  )
  if (loopback === undefined || six === undefined || lan === undefined)
    throw new RangeError('three addresses')
  assert.equal(announceable([loopback, lan, six]), [lan])
  assert.equal(announceable([loopback, six]), [loopback, six])
})

test('take any text as a peer ID or refuse it with InvalidError', () => {
  assert.is(peerKeyOf(parsePeer(PEER)), PEER)
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parsePeer(text)
      } catch (error) {
        assert.instance(error, InvalidError)
      }
    }),
  )
})

test.run()
