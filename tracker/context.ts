import type { Clock } from '../src/core/clock.ts'
import type { Log } from '../src/core/log.ts'
import type { Access } from './access/access.ts'
import type { Askers } from './access/askers.ts'
import type { Accounting } from './accounting/accounting.ts'
import type { Publications } from './acl/publications.ts'
import type { AuditLog } from './audit/audit-log.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Commonality } from './commonality/commonality.ts'
import type { FetchRights } from './grants/fetch-rights.ts'
import type { GrantIssuer } from './grants/grant-issuer.ts'
import type { BaseUrl } from './http/base-url.ts'
import type { Images } from './images/images.ts'
import type { TrackerMetrics } from './metrics.ts'
import type { Nodes } from './nodes/nodes.ts'
import type { Placements } from './placement/placements.ts'
import type { BootProfiles } from './profiles/boot-profiles.ts'
import type { Downloads } from './raw/downloads.ts'
import type { RawUploads } from './raw/raw-uploads.ts'
import type { Holders } from './siblings/holders.ts'
import type { ImageReader } from './siblings/image-reader.ts'
import type { Swarms } from './swarm/swarms.ts'
import type { Collector } from './uploads/collector.ts'
import type { Uploads } from './uploads/uploads.ts'

/** What the routes work with. */
export interface RouteContext extends Accounting {
  readonly askers: Pick<Askers, 'of'>
  readonly audit: Pick<AuditLog, 'write' | 'read'>
  readonly catalog: Catalog
  readonly access: Access
  readonly images: Images
  readonly publications: Publications
  readonly uploads: Uploads
  readonly swarms: Swarms
  /** Which trackers have the blocks of what. */
  readonly holders: Pick<Holders, 'origins'>
  /** Somebody has changed something: rights may depend on it, an image may have come. */
  readonly changed: () => void
  readonly nodes: Nodes
  readonly rights: FetchRights
  readonly placements: Placements
  readonly commonality: Pick<Commonality, 'related'>
  readonly grants: GrantIssuer
  /** What machines read while they boot. */
  readonly profiles: BootProfiles
  readonly collector: Collector
  /** The bytes of images, wherever their blocks are. */
  readonly reader: Pick<ImageReader, 'open'>
  /** Sends them. */
  readonly downloads: Downloads
  /** Takes them. */
  readonly rawUploads: Pick<RawUploads, 'put' | 'keptBytes'>
  /** Where this tracker alone is reached, where several answer by one name. */
  readonly ownUrl: string | undefined
  /** What absolute addresses in the answer to a request begin with. */
  readonly baseUrl: BaseUrl
  /** The same for who has no certificate. */
  readonly openUrl: BaseUrl
  readonly metrics: TrackerMetrics
  readonly clock: Clock
  readonly log: Log
  /** Throws when the tracker should get no requests: while it starts or stops, or when its disk or its database fails. */
  readonly checkReady: () => Promise<void>
}
