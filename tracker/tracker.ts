import { type Clock, systemClock } from '../src/core/clock.ts'
import { BusyError } from '../src/core/errors.ts'
import type { Log } from '../src/core/log.ts'
import { signJws } from '../src/identity/jws.ts'
import { LiveIdentity } from '../src/identity/live-identity.ts'
import { TrustWatcher } from '../src/identity/trust-watcher.ts'
import { onHangup } from '../src/util/signals.ts'
import { AccessControl } from './access/access-control.ts'
import { Askers } from './access/askers.ts'
import { openAccounting } from './accounting/accounting.ts'
import { appointAdmins } from './accounts/first-admins.ts'
import { TamperAlarm } from './acl/alarm.ts'
import { keepChains } from './acl/keep-chains.ts'
import { Publications } from './acl/publications.ts'
import { identitySeal, signingNameOf } from './acl/seal.ts'
import { buildApp } from './app.ts'
import type { AuditLog } from './audit/audit-log.ts'
import { openAudit } from './audit/open-audit.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { TrackerConfig } from './config.ts'
import type { RouteContext } from './context.ts'
import type { Signer } from './grants/short-lived.ts'
import type { App } from './http/app-type.ts'
import { socketAuthenticator, trackerCheck } from './http/authentication.ts'
import { type BaseUrl, baseUrls } from './http/base-url.ts'
import { listenOpen, type OpenContext } from './http/open-app.ts'
import { drain, listen, listenPlain, tlsOptions } from './http/server.ts'
import { Images } from './images/images.ts'
import { TrackerMetrics } from './metrics.ts'
import type { Origin } from './origin.ts'
import { openPeers } from './peers.ts'
import { openRaw } from './raw/open-raw.ts'
import { meetSiblings } from './siblings/siblings.ts'
import { openStores } from './stores.ts'
import { CollectionTimer } from './uploads/collection-timer.ts'
import { Collector } from './uploads/collector.ts'
import { Gate } from './uploads/gate.ts'
import { Uploads } from './uploads/uploads.ts'

export interface TrackerComponents {
  readonly log: Log
  readonly clock?: Clock
}

/** A running tracker. */
export interface Tracker {
  readonly url: string
  /** Where public images are to be had by plain HTTP; undefined: nowhere. */
  readonly httpUrl: string | undefined
  /** The tracker's own peer, the origin. */
  readonly peer: string
  readonly addresses: readonly string[]
  /** Answers what runs, then closes everything. */
  stop(): Promise<void>
}

/**
 * Starts a tracker: everything that it consists of, in the order in which it is opened; closed the other way round.
 * Errors: ConfigError, CertificateError, StateError when another process uses `dataDir`, StorageError.
 */
export async function startTracker(components: TrackerComponents, config: TrackerConfig): Promise<Tracker> {
  const { log, clock = systemClock } = components
  await using opened = new AsyncDisposableStack()
  const identity = await LiveIdentity.load(config.identity)
  const { dataDir, name = signingNameOf(identity) } = config
  const metrics = new TrackerMetrics()
  const seal = identitySeal({ identity, clock }, { name })
  const alarm = new TamperAlarm({ metrics, log })
  const opening = { opened, log, seal, clock, onTampered: alarm.raise }
  const { pool, blocks, nodes, catalog } = await openStores(opening, { ...config, ...config.namespaces })
  const audit = await openAudit({ opened, clock, log }, { dataDir, dn: identity.principal.dn })
  alarm.writeTo(audit)
  await keepChains({ opened, ...catalog, clock, log }, { author: identity.principal.dn })

  const authenticate = socketAuthenticator({ trust: identity.trust, clock })
  const isTracker = trackerCheck({ trust: identity.trust, clock }, { name })
  const askers = new Askers({ ...catalog, authenticate, isTracker, clock }, config.users)
  await appointAdmins({ users: catalog.users, clock }, config)
  const openNamespaces = config.users.onFirstContact === 'active'
  const access = new AccessControl({ ...catalog, clock }, { openNamespaces })
  const accounting = openAccounting({ opened, catalog, clock, log })
  const images = new Images({ catalog, access, clock })
  const sign: Signer = (claims, options) => signJws(identity, claims, options)
  const gate = new Gate()
  const known = { opened, identity, catalog, access, askers, sign, audit, metrics, clock, log }
  const peers = await openPeers({ ...known, stores: { blocks, nodes }, verifier: pool }, { config, name })
  const { origin } = peers
  const { self } = origin
  const publications = new Publications({ trust: identity.trust, clock })
  const receiving = {
    ...{ catalog, access, images, publications, pool, gate, clock, self, ...accounting },
    ...{ stores: { blocks, nodes }, onStored: metrics.stored },
  }
  const uploads = new Uploads(receiving)
  const { read, ...raw } = await openRaw({ ...receiving, log, onSent: metrics.sentRaw })
  const parts = { opened, catalog, nodes, origin, read, clock, log }
  const { announce, ...siblings } = await meetSiblings(parts, { identity, name })

  const { checkReady, end } = readinessOf({ catalog, blocks, audit })
  const serveOnly: Origin['serveOnly'] = (manifests) => origin.serveOnly(manifests)
  const collector = new Collector({ catalog, blocks, nodes, gate, clock, serveOnly, self })
  opened.adopt(new CollectionTimer({ collector, clock, log }, config.gc), (timer) => timer.stop())
  const common = { catalog, access, audit, metrics, clock, log, ...siblings, ...accounting, ...raw }
  const urls = await openUrls({ opened, ...common, baseUrl: baseUrls(identity, config) }, config)
  const context: RouteContext = {
    ...{ askers, ...common, ...peers, ...urls, ownUrl: config.ownUrl },
    changed: () => {
      origin.rightsChanged()
      peers.sketches.wake()
    },
    ...{ images, publications, uploads, collector, checkReady },
  }
  const app = opened.adopt(await buildApp(context, { tls: tlsOptions(identity) }), drain)
  // Before the connections are waited for: what comes can go on later, and who waits for orders is answered.
  opened.defer(async () => void (await Promise.all([raw.rawUploads.stop(), context.placements.stop()])))
  watchTrust({ opened, identity, app, metrics, clock, log })
  const url = await listen(app, config.listen)
  await announce(config.ownUrl ?? url)
  await openPlain({ opened, metrics, checkReady }, config)
  log.info({ url, dn: identity.principal.dn, dataDir }, 'tracker started')

  const closing = opened.move()
  const stop = async () => {
    end()
    log.info({ url }, 'tracker stopping')
    await closing.disposeAsync()
  }
  const { peer, addresses } = origin.address()
  return { url, httpUrl: urls.httpUrl, peer, addresses, stop }
}

/** Whether requests are welcome, and what the tracker writes to can be written to; never any more after `end`. */
function readinessOf(parts: {
  catalog: Pick<Catalog, 'check'>
  blocks: { stat(): Promise<unknown> }
  audit: Pick<AuditLog, 'check'>
}) {
  let stopping = false
  const checkReady = async () => {
    if (stopping) throw new BusyError('the tracker is stopping')
    await parts.catalog.check()
    await parts.blocks.stat()
    parts.audit.check()
  }
  const end = () => {
    stopping = true
  }
  return { checkReady, end }
}

/** What addresses begin with, for who has a certificate and who has none, and the listener for the latter, where there is one. */
async function openUrls(
  components: OpenContext & { opened: AsyncDisposableStack },
  { http, publicHttpUrl }: Pick<TrackerConfig, 'http' | 'publicHttpUrl'>,
): Promise<{ baseUrl: BaseUrl; openUrl: BaseUrl; httpUrl: string | undefined }> {
  const { baseUrl } = components
  const open = http === undefined ? undefined : await listenOpen(components, http.listen)
  const openUrl = publicHttpUrl === undefined ? (open?.openUrl ?? baseUrl) : () => publicHttpUrl
  return { baseUrl, openUrl, httpUrl: open?.url }
}

/** The listener for probes and metrics, where there is one. */
async function openPlain(
  components: { opened: AsyncDisposableStack; metrics: TrackerMetrics; checkReady: () => Promise<void> },
  { metrics }: Pick<TrackerConfig, 'metrics'>,
): Promise<void> {
  if (metrics === undefined) return
  const plain = await listenPlain(components, metrics.listen)
  components.opened.defer(() => plain[Symbol.asyncDispose]())
}

interface TrustParts {
  readonly opened: AsyncDisposableStack
  readonly identity: LiveIdentity
  readonly app: App
  readonly metrics: TrackerMetrics
  readonly clock: Clock
  readonly log: Log
}

/** Certificates and revocation lists are read again when their files change, and at SIGHUP. */
function watchTrust({ opened, identity, app, metrics, clock, log }: TrustParts): void {
  const changed = () => app.server.setSecureContext(tlsOptions(identity))
  const watcher = opened.adopt(new TrustWatcher({ identity, clock, log }, { changed }), (it) => it.stop())
  opened.defer(onHangup(() => void watcher.reload()))
  metrics.watchTrust({ identity, watcher })
}
