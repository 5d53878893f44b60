import type { TrackerClient } from '../../src/api/tracker-client.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { TrackerRouter } from '../../src/routing/tracker-router.ts'
import { enrolByHand } from '../../testnet/hostile/enrol.ts'
import { anyManifest, ROUTER_MANIFESTS, routerConformance } from '../conformance/router.ts'
import { testImage } from '../fixtures/test-image.ts'
import { pushImage, TRACKER_NAME, TrackerSite } from '../fixtures/tracker.ts'

routerConformance(
  'real tracker',
  async () => {
    const site = await TrackerSite.create()
    const tracker = await site.start()
    const publisher = site.client(tracker.url, await site.user('publisher'))
    const manifests = new Map<string, ManifestId>()
    for (const name of ROUTER_MANIFESTS) {
      const image = testImage({ seed: name, blocks: 3 })
      await pushImage(publisher, image, { to: `routers/${name}` })
      manifests.set(name, image.manifestId)
    }
    const nodes = await Promise.all(
      Array.from({ length: 4 }, async (_, index) => {
        const identity = await site.site.issue({ kind: 'node', commonName: `node-${index}` })
        const client = site.client(tracker.url, identity)
        const { peer } = await enrolByHand(client, { dn: identity.principal.dn, tracker: TRACKER_NAME })
        return { peer, router: routerOf(client, peer) }
      }),
    )
    const destroy = async () => {
      await tracker.stop()
      await site.remove()
    }
    const manifest = (name: string) => manifests.get(name) ?? anyManifest(name)
    const [routers, peers] = [nodes.map(({ router }) => router), nodes.map(({ peer }) => peer)]
    return { routers, peers, manifest, destroy }
  },
  { refusesUnknown: true },
)

function routerOf(tracker: TrackerClient, peer: PeerKey): TrackerRouter {
  const addresses = ['/ip4/192.0.2.1/tcp/4002']
  const describe = (manifest: ManifestId) => ({ peer, addresses, swarm: { manifest, runs: 0 } })
  return new TrackerRouter({ tracker }, { describe })
}
