import { join } from 'node:path'
import type { Registry } from 'prom-client'
import type { TrackerClient } from '../../src/api/tracker-client.ts'
import type { BlockStore } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import type { PackStore } from '../../src/store/pack-store.ts'
import type { NodeConfig } from '../config.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { Joiner } from '../joiner.ts'
import type { Puller } from '../puller.ts'
import type { TrackerLink } from '../tracker-link.ts'
import { imageText } from './attached.ts'
import { DiskFiles } from './disk-files.ts'
import { DiskMetrics } from './disk-metrics.ts'
import { DiskOpener } from './disk-opener.ts'
import { Disks } from './disks.ts'
import { NbdServer } from './nbd/server.ts'
import { BootProfiles } from './profile/boot-profiles.ts'
import { DiskBoots } from './profile/disk-boots.ts'
import { ProfileFiles } from './profile/profile-files.ts'
import { TcpDisks } from './tcp-disks.ts'

export interface DiskParts {
  readonly log: Log
  readonly clock: Clock
  readonly catalog: ImageCatalog
  readonly joiner: Joiner
  readonly puller: Puller
  readonly exchange: Exchange
  readonly blocks: BlockStore
  readonly nodes: BlockStore
  readonly identity: Identity
  readonly packs: Pick<PackStore, 'open' | 'openPart'>
  readonly client: Pick<TrackerClient, 'profiles'>
  readonly link: Pick<TrackerLink, 'profile' | 'self' | 'watched'>
}

export interface WiredDisks {
  readonly disks: Disks
  /** To be started after the disks. */
  readonly tcp: TcpDisks
  readonly boots: DiskBoots
  addMetrics(registry: Registry): void
}

/** What gives images to machines as disks, and how to show its figures. */
export function wireDisks(parts: DiskParts, config: Pick<NodeConfig, 'dataDir' | 'disk'>): WiredDisks {
  const { log, clock, catalog, joiner, puller, exchange, blocks, nodes, packs } = parts
  const metrics = new DiskMetrics()
  const opener = new DiskOpener({ log, clock, catalog, puller, exchange, blocks, nodes, opener: packs })
  const boots = wireBoots(parts, config)
  const { tcp, socketDirectory } = config.disk
  const admits = ({ dn }: { dn: string }) => tcp?.allow.includes(dn) === true
  const server = new NbdServer({ log, clock, observer: metrics, tls: { identity: parts.identity, admits } })
  const disks = new Disks(
    {
      ...{ log, clock, images: joiner },
      files: new DiskFiles({ log }, { dir: join(config.dataDir, 'disks') }),
      opener: {
        open: async (image, init) => {
          const { delegation } = image
          const disk = await opener.open(parseReference(imageText(image)), { ...init, delegation })
          const { answer, isNew } = init
          const digest = answer?.away === false ? (answer.joined.profile ?? null) : undefined
          boots.opened(disk, { isNew, digest })
          return disk
        },
      },
      server,
      renewed: async (image) => {
        const { delegation, grant, manifest } = image
        if (delegation !== undefined) await catalog.update(image, { delegation })
        await puller.renewed(manifest as ManifestId, grant)
      },
      isComplete: ({ manifest }) =>
        catalog.withManifest(manifest as ManifestId).some(({ complete }) => complete),
    },
    { socketDirectory },
  )
  const offered = new TcpDisks({ server, log, exports: disks.exports }, { address: tcp?.listen })
  return { disks, tcp: offered, boots, addMetrics: (registry) => metrics.addTo(registry, disks) }
}

function wireBoots(
  { log, clock, client, link }: DiskParts,
  { dataDir }: Pick<NodeConfig, 'dataDir'>,
): DiskBoots {
  const asked = (image: CatalogEntry) => {
    const { delegation } = image
    const shown = delegation === undefined ? {} : { delegation }
    return { reference: imageText(image), peer: link.self().peer, ...shown }
  }
  const profiles = new BootProfiles({
    tracker: {
      find: (image, options) => link.watched(client.profiles.find(asked(image), options)),
      record: (image, { reads, durationMs }, options) => {
        const manifest = image.manifest as ManifestId
        const body = { ...asked(image), manifest, reads, durationMs }
        return link.watched(client.profiles.record(body, options))
      },
    },
    files: new ProfileFiles({ log }, { dir: join(dataDir, 'profiles') }),
    verify: (token) => link.profile(token),
    log,
  })
  return new DiskBoots({ profiles, clock, log, random: Math.random })
}
