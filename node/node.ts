import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrackerClient } from '../src/api/tracker-client.ts'
import type { BlockStore } from '../src/core/blockstore.ts'
import type { ManifestId } from '../src/core/cid.ts'
import { type Clock, systemClock } from '../src/core/clock.ts'
import { InternalError } from '../src/core/errors.ts'
import type { Lifecycle } from '../src/core/lifecycle.ts'
import type { Log } from '../src/core/log.ts'
import { Exchange } from '../src/exchange/exchange.ts'
import { Solid } from '../src/exchange/solid.ts'
import type { Identity } from '../src/identity/identity-files.ts'
import { LiveIdentity } from '../src/identity/live-identity.ts'
import { PassBook } from '../src/identity/pass-book.ts'
import { loadOrCreatePeerKey } from '../src/identity/peer-key.ts'
import { addTrustMetrics } from '../src/identity/trust-metrics.ts'
import { TrustWatcher } from '../src/identity/trust-watcher.ts'
import { Seeds } from '../src/image/seed/seeds.ts'
import { createHost, type Libp2pHost } from '../src/p2p/libp2p-host.ts'
import { TlsCarrier } from '../src/p2p/tls-carrier.ts'
import { AnnounceBudget } from '../src/routing/announce-budget.ts'
import { DhtRouter } from '../src/routing/dht-router.ts'
import { FallbackRouter } from '../src/routing/fallback-router.ts'
import { TrackerRouter } from '../src/routing/tracker-router.ts'
import { FramePool } from '../src/store/frame-pool.ts'
import { type FsStore, openFsStore } from '../src/store/fs-store.ts'
import { openPackStore, type PackStore } from '../src/store/pack-store.ts'
import { QuotaStore } from '../src/store/quota-store.ts'
import { IdleShare } from '../src/util/idle-share.ts'
import { packageVersion } from '../src/util/package-version.ts'
import { onHangup } from '../src/util/signals.ts'
import { Announcer } from './announcer.ts'
import type { NodeConfig } from './config.ts'
import { buildControlApi } from './control-api.ts'
import { type WiredDisks, wireDisks } from './disk/wire-disks.ts'
import { passPath } from './enrol-once.ts'
import { Enrolment } from './enrolment.ts'
import { Exporter } from './exporter.ts'
import { ImageCatalog } from './image-catalog.ts'
import { Joiner } from './joiner.ts'
import { KnownPeers } from './known-peers.ts'
import { listenForProbes, listenOnSocket } from './listen.ts'
import { Maintenance } from './maintenance.ts'
import { nodeMetrics } from './metrics.ts'
import { Placer } from './placer.ts'
import { Puller } from './puller.ts'
import { RelatedFinder } from './related-finder.ts'
import { NodeReport } from './report.ts'
import { trackerClient } from './tracker-client.ts'
import { TrackerLink } from './tracker-link.ts'

/** A node that runs. */
export interface RunningNode {
  readonly socket: string
  readonly peer: string
  readonly addresses: string[]
  /** Answers what runs, leaves its swarms, closes everything. */
  stop(): Promise<void>
}

/**
 * Starts a node: everything that it consists of, in the order in which it is opened; closed the other way round.
 * Errors: CertificateError, ConfigError when it cannot listen, StateError when another process uses `dataDir`, StorageError.
 */
export async function startNode(components: { log: Log }, config: NodeConfig): Promise<RunningNode> {
  const { log } = components
  const clock = systemClock
  await using opened = new AsyncDisposableStack()
  const started = async (part: Lifecycle) => {
    opened.defer(() => part.stop())
    await part.start()
  }
  const identity = await LiveIdentity.load({ ...config.identity, purpose: 'client' })
  const { packs, ...stores } = await openStores(opened, { log, clock }, config)
  const catalog = await ImageCatalog.open({ log }, { dir: join(config.dataDir, 'images') })
  const peerKey = await loadOrCreatePeerKey(join(config.dataDir, 'peer.key'))
  const client = opened.adopt(trackerClient({ identity, clock }, config), (it) => it.close())
  const passes: PassBook = new PassBook({
    clock,
    verify: (token) => link.pass(token),
    graceS: () => link.graceS,
  })
  const host = await openHost({ log, admission: passes }, { config, privateKey: peerKey })
  const carrier = new TlsCarrier({ host, identity, admission: passes, clock, log })

  const { blocks, nodes, seeds, frames } = stores
  const known = new KnownPeers({ host, clock, log }, { path: join(config.dataDir, 'peers.json') })
  const parts = { ...stores, log, clock, identity, catalog, host, carrier, passes, known }
  const renewed = (manifest: ManifestId, grant: string) => void disks.renewed(manifest, grant)
  const swarm = wireSwarm({ ...parts, renewed, client, enrolled: () => enrolment.asked() }, config)
  const { link, exchange, puller, announcer, placer, budget } = swarm
  const wired: WiredDisks = wireDisks({ ...parts, ...swarm, client, packs }, config, () => maintenance)
  const { disks, tcp, boots, hoard, addMetrics } = wired
  const enrolment: Enrolment = new Enrolment(
    { client, link, passes, clock, log, refused: (reason) => puller.stopAll(reason) },
    {
      ...{ dn: identity.principal.dn, self: host.self, peerKey, labels: config.labels },
      ...{ tracker: config.tracker.name, path: passPath(config) },
    },
  )
  const kept = { blocks: packs, nodes, catalog, exchange, puller, announcer, disks }
  const maintenance: Maintenance = new Maintenance(kept)
  const report = new NodeReport(
    {
      ...{ carrier: host, exchange, blocks, catalog, puller, link, enrolment, passes, clock, budget, disks },
      dhtPeers: () => host.dhtPeers().length,
    },
    { config, principal: identity.principal.dn },
  )
  const exporter = new Exporter({ blocks, nodes, opener: frames }, config.export)
  const metrics = nodeMetrics(report.figures(), packageVersion())
  const watcher = opened.adopt(new TrustWatcher({ identity, clock, log }), (it) => it.stop())
  opened.defer(onHangup(() => void watcher.reload()))
  addMetrics(metrics)
  addTrustMetrics(metrics, { prefix: 'bootswarm_node', identity, watcher })
  const control = buildControlApi({
    ...{ catalog, puller, maintenance, exporter, seeds, report, enrolment, metrics, log, ...wired },
  })

  await maintenance.load()
  await started(enrolment)
  for (const part of [host, carrier, known, exchange, announcer]) await started(part)
  opened.defer(() => puller.stop())
  // Disks stop before what they read from: machines get answers or nothing, never an error.
  for (const part of [boots, disks, tcp, hoard, placer]) await started(part)
  const probes = await listenForProbes(metrics, config.metrics?.listen)
  opened.defer(async () => probes?.close())
  opened.defer(() => control.close())
  opened.defer(() => seeds.interrupt())
  await listenOnSocket(control, config.control.socket)
  puller.resume()

  return running(opened.move(), { socket: config.control.socket, host })
}

function running(closing: AsyncDisposableStack, init: { socket: string; host: Libp2pHost }): RunningNode {
  const { socket, host } = init
  return { socket, peer: host.self, addresses: host.addresses(), stop: () => closing.disposeAsync() }
}

interface SwarmParts {
  log: Log
  clock: Clock
  identity: Identity
  client: TrackerClient
  host: Libp2pHost
  carrier: TlsCarrier
  passes: PassBook
  known: KnownPeers
  enrolled(): Promise<void>
  /** A fresh grant has come. */
  renewed(manifest: ManifestId, grant: string): void
  /** Everything that is stored is on the disk. */
  synced(): Promise<void>
  frames: FramePool
  blocks: BlockStore
  nodes: FsStore
  seeds: Seeds
  catalog: ImageCatalog
}

/** What finds, fetches, serves and announces. */
function wireSwarm(parts: SwarmParts, config: NodeConfig) {
  const { log, clock, identity, client, host, carrier, passes, frames, blocks, nodes, seeds, catalog } = parts
  const content = host.contentRouting
  if (content === undefined) throw new InternalError('the host has no DHT')
  const link: TrackerLink = new TrackerLink(
    { client, clock, trust: identity.trust },
    {
      name: config.tracker.name,
      self: host.self,
      graceSeconds: config.grants.graceSeconds,
      enrolled: () => parts.enrolled(),
      addresses: () => host.addresses(),
      met: (peers) => parts.known.met(peers),
      renewed: (manifest, grant) => {
        void puller.renewed(manifest, grant)
        parts.renewed(manifest, grant)
      },
    },
  )
  const solid = new Solid(
    { packer: frames, clock, idle: new IdleShare({ clock }) },
    { mode: config.exchange.solid },
  )
  const exchange = new Exchange(
    {
      ...{ carrier, blocks, nodes, seeds, verifier: frames, solid, clock, log, random: Math.random },
      admission: passes,
      verifyGrant: (token) => link.grant(token),
      ...{ graceS: () => link.graceS, damaged: (manifest: ManifestId) => void puller.lost(manifest) },
    },
    {
      ...{ origin: false, agent: `bootswarm-node/${packageVersion()}` },
      ...{ labels: config.labels, rates: config.exchange.rates },
    },
  )
  const budget = new AnnounceBudget({ content, clock, log })
  const dht = new DhtRouter({ content, budget })
  const tracker = new TrackerRouter(
    { tracker: link },
    {
      describe: (manifest) => {
        const delegation = catalog.delegationFor(manifest)
        const shown = delegation === undefined ? {} : { delegation }
        const runs = exchange.swarm(manifest)?.have.count ?? 0
        return { ...link.self(), swarm: { manifest, runs, ...shown } }
      },
    },
  )
  const router = new FallbackRouter({ routers: [tracker, dht], log })
  const joiner = new Joiner({ catalog, link, clock, log })
  const puller: Puller = new Puller({
    ...{ catalog, exchange, joiner, router, clock, log },
    related: new RelatedFinder({ link, clock, log }),
    known: async () => (link.reachable === true && link.answers ? [] : await parts.known.peers()),
    synced: () => parts.synced(),
    began: () => announcer.began(),
    completed: (manifest) => announcer.completed(manifest),
  })
  const announcer = new Announcer({
    ...{ catalog, exchange, puller, link, router, dht, budget, clock, log, random: Math.random },
  })
  const placer = new Placer(
    {
      orders: (body, options) => client.placements.orders(body, options),
      ...{ link, puller, clock, log, enrolled: parts.enrolled },
    },
    { self: host.self },
  )
  return { link, exchange, joiner, puller, announcer, placer, budget }
}

/** `packs` is the store of blocks as it is on disk, `blocks` the same within its limit. */
async function openStores(
  opened: AsyncDisposableStack,
  { log, clock }: { log: Log; clock: Clock },
  config: NodeConfig,
) {
  const { dataDir, store } = config
  const close = (it: { close(): Promise<void> }) => it.close()
  await mkdir(dataDir, { recursive: true, mode: 0o750 })
  const frames = opened.adopt(new FramePool(), close)
  frames.start()
  const packs = opened.adopt(
    await openPackStore({ dir: join(dataDir, 'blocks'), syncBehind: true }, { log, frames }),
    close,
  )
  const nodes = opened.adopt(await openFsStore({ dir: join(dataDir, 'nodes'), syncBehind: true }), close)
  const blocks = withinLimit(packs, store.maxBytes)
  const index = { path: join(dataDir, 'seeds.sqlite'), directories: config.seed.directories }
  const seeds = opened.adopt(await Seeds.open({ blocks, clock, log }, index), close)
  const synced = async () => void (await Promise.all([packs.flush(), nodes.flush()]))
  return { frames, packs, blocks, nodes, seeds, synced }
}

function withinLimit(packs: PackStore, storedBytesMax: number | undefined): BlockStore {
  if (storedBytesMax === undefined) return packs
  const advice = 'bootswarm node gc, or raise store.maxBytes'
  return new QuotaStore({ store: packs }, { storedBytesMax, advice })
}

async function openHost(
  components: { log: Log; admission: PassBook },
  { config, privateKey }: { config: NodeConfig; privateKey: Uint8Array },
): Promise<Libp2pHost> {
  const { listen, announce } = config.p2p
  const dht = { datastoreDir: join(config.dataDir, 'dht'), bootstrap: [] }
  return await createHost(components, { privateKey, listen: [...listen], announce: [...announce], dht })
}
