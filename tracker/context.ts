import type { CallOptions } from '../src/core/blockstore.ts'
import type { ManifestId } from '../src/core/cid.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Log } from '../src/core/log.ts'
import type { Access } from './access/access.ts'
import type { Askers } from './access/askers.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { GrantIssuer } from './grants/grant-issuer.ts'
import type { BaseUrl } from './http/base-url.ts'
import type { TrackerMetrics } from './metrics.ts'
import type { Swarms } from './swarm/swarms.ts'
import type { Collector } from './uploads/collector.ts'
import type { Uploads } from './uploads/uploads.ts'

/** What the routes work with. */
export interface RouteContext {
  readonly askers: Pick<Askers, 'of'>
  readonly catalog: Catalog
  readonly access: Access
  readonly uploads: Uploads
  readonly swarms: Swarms
  /** Makes sure that the tracker's own peer serves a manifest. */
  readonly serve: (manifest: ManifestId) => Promise<void>
  readonly grants: GrantIssuer
  readonly collector: Collector
  /** Verified bytes `start` to `end` (exclusive) of an image. */
  readonly readRange: (
    range: { manifest: ManifestId; start: number; end: number },
    options: CallOptions,
  ) => AsyncIterable<Uint8Array>
  /** What absolute addresses in the answer to a request begin with. */
  readonly baseUrl: BaseUrl
  readonly metrics: TrackerMetrics
  readonly clock: Clock
  readonly log: Log
  /** Throws when the tracker should get no requests: while it starts or stops, or when its disk fails. */
  readonly checkReady: () => Promise<void>
}
