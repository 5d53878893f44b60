import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { PeerAddress } from '../../src/core/router.ts'
import { peerKeyOf } from '../../src/p2p/peer-addresses.ts'
import { TrackerRouter } from '../../src/routing/tracker-router.ts'
import { anyManifest, ROUTER_MANIFESTS, routerConformance } from '../conformance/router.ts'
import { newPeerKey } from '../fixtures/hosts.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TrackerSite } from '../fixtures/tracker.ts'

routerConformance('real tracker', async () => {
  const site = await TrackerSite.create()
  const tracker = await site.start()
  const publisher = site.client(tracker.url, await site.user('publisher'))
  const manifests = new Map<string, ManifestId>()
  for (const name of ROUTER_MANIFESTS) {
    const image = testImage({ seed: name, blocks: 3 })
    await pushImage(publisher, image, { to: `routers/${name}` })
    manifests.set(name, image.manifestId)
  }
  const peers = await Promise.all(Array.from({ length: 4 }, newPeer))
  const routers = await Promise.all(
    peers.map(async (self, index) => {
      const identity = await site.site.issue({ kind: 'node', commonName: `node-${index}` })
      return routerOf(site.client(tracker.url, identity), self)
    }),
  )
  const destroy = async () => {
    await tracker.stop()
    await site.remove()
  }
  const manifest = (name: string) => manifests.get(name) ?? anyManifest(name)
  return { routers, peers: peers.map(({ peer }) => peer), manifest, destroy }
})

function routerOf(tracker: TrackerClient, self: PeerAddress): TrackerRouter {
  const { peer } = self
  const describe = (manifest: ManifestId) => {
    return { manifest, peer, addresses: [...self.addresses], runs: 0, runsTotal: 1 }
  }
  return new TrackerRouter({ tracker }, { describe })
}

async function newPeer(): Promise<PeerAddress> {
  const peerId = peerIdFromPrivateKey(privateKeyFromProtobuf(await newPeerKey()))
  return { peer: peerKeyOf(peerId), addresses: ['/ip4/192.0.2.1/tcp/4002'] }
}
