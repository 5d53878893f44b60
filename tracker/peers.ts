import type { BlockStore } from '../src/core/blockstore.ts'
import type { Clock } from '../src/core/clock.ts'
import type { FrameVerifier, SolidPacker } from '../src/core/frame.ts'
import type { Log } from '../src/core/log.ts'
import type { PeerKey } from '../src/core/router.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import type { Access } from './access/access.ts'
import type { Askers } from './access/askers.ts'
import type { AuditLog } from './audit/audit-log.ts'
import type { Catalog } from './catalog/catalog.ts'
import { Commonality } from './commonality/commonality.ts'
import { SketchKeeper } from './commonality/sketch-keeper.ts'
import type { TrackerConfig } from './config.ts'
import { FetchRights } from './grants/fetch-rights.ts'
import { GrantIssuer } from './grants/grant-issuer.ts'
import { PassIssuer } from './grants/pass-issuer.ts'
import type { Signer } from './grants/short-lived.ts'
import type { TrackerMetrics } from './metrics.ts'
import { Nodes } from './nodes/nodes.ts'
import { Origin } from './origin.ts'
import { Placements } from './placement/placements.ts'
import { BootProfiles } from './profiles/boot-profiles.ts'
import { Swarms } from './swarm/swarms.ts'
import { trackerNames } from './tracker-name.ts'

export interface PeersComponents {
  readonly opened: AsyncDisposableStack
  readonly identity: Identity
  readonly catalog: Catalog
  readonly access: Access
  readonly askers: Askers
  readonly stores: { readonly blocks: BlockStore; readonly nodes: BlockStore }
  readonly verifier: FrameVerifier & SolidPacker
  readonly sign: Signer
  readonly audit: Pick<AuditLog, 'write'>
  readonly metrics: TrackerMetrics
  readonly clock: Clock
  readonly log: Log
}

/** What deals with peers: the nodes of the site, their swarms, and the tracker's own peer. */
export interface Peers {
  readonly nodes: Nodes
  readonly rights: FetchRights
  readonly grants: GrantIssuer
  readonly swarms: Swarms
  readonly origin: Origin
  readonly placements: Placements
  readonly commonality: Commonality
  readonly profiles: BootProfiles
  readonly sketches: Pick<SketchKeeper, 'wake'>
}

/** Starts the tracker's own peer. `name`: what the tracker signs in. Errors: CertificateError, ConfigError when it cannot listen. */
export async function openPeers(
  components: PeersComponents,
  init: { config: TrackerConfig; name: string },
): Promise<Peers> {
  const { opened, identity, catalog, access, askers, verifier, sign, audit, metrics, clock, log } = components
  const { config, name } = init
  const { trust } = identity
  const audience = new Set([name, ...trackerNames(identity)])
  const swarms = new Swarms({ clock })
  const grants = new GrantIssuer({ sign, clock }, { ...config.grants, onIssued: metrics.granted })
  const passes = new PassIssuer({ sign, clock }, config.grants)
  const rights = new FetchRights({ catalog, access, askers, trust, clock }, { audience })
  const origin = await Origin.open(
    {
      ...{ identity, ...components.stores, verifier, passes, clock, log },
      stands: (grant) => rights.stands(grant),
    },
    { ...config.p2p, ...config.exchange, dataDir: config.dataDir, name },
  )
  opened.defer(() => origin.stop())
  await origin.start()
  metrics.watchSwarms(swarms)
  metrics.watchOrigin(origin)
  const dismissed = (peer: PeerKey) => {
    swarms.forget(peer)
    origin.dismiss(peer)
  }
  const nodes = new Nodes(
    { catalog, passes, grants, audit, clock, log, dismissed },
    { ...config.nodes, audience },
  )
  const commonality = new Commonality({ catalog, nodes: components.stores.nodes, clock })
  const sketches = opened.adopt(new SketchKeeper({ catalog, commonality, clock, log }), (it) => it.stop())
  const placements = new Placements({ catalog, askers, rights, swarms, clock })
  const profiles = new BootProfiles({ catalog, sign, clock })
  return { nodes, rights, grants, swarms, origin, placements, commonality, sketches, profiles }
}
