import { join } from 'node:path'
import type { Registry } from 'prom-client'
import type { ManifestId } from '../../src/core/cid.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { NodeConfig } from '../config.ts'
import { imageText } from './attached.ts'
import { DiskFiles } from './disk-files.ts'
import { DiskMetrics } from './disk-metrics.ts'
import { DiskOpener } from './disk-opener.ts'
import type { Collector, DiskParts } from './disk-parts.ts'
import { Disks } from './disks.ts'
import { FillRoom } from './fill-room.ts'
import type { Hoard } from './hoard.ts'
import { addHoardMetrics } from './hoard-metrics.ts'
import { NbdServer } from './nbd/server.ts'
import type { DiskBoots } from './profile/disk-boots.ts'
import { TcpDisks } from './tcp-disks.ts'
import { wireBoots } from './wire-boots.ts'

export interface WiredDisks {
  readonly disks: Disks
  /** To be started after the disks. */
  readonly tcp: TcpDisks
  readonly boots: DiskBoots
  readonly hoard: Hoard
  addMetrics(registry: Registry): void
}

/** What gives images to machines as disks, and how to show its figures. `maintenance` is known when everything is wired. */
export function wireDisks(
  parts: DiskParts,
  config: Pick<NodeConfig, 'dataDir' | 'disk' | 'store'>,
  maintenance: () => Collector,
): WiredDisks {
  const { log, clock, catalog, joiner, puller, exchange, blocks, nodes, packs } = parts
  const metrics = new DiskMetrics()
  const kept = { dir: join(config.dataDir, 'blocks'), storedBytesMax: config.store.maxBytes }
  const room = new FillRoom({ blocks, clock, log }, kept)
  const opened = { log, clock, catalog, puller, exchange, blocks, nodes, room }
  const opener = new DiskOpener({ ...opened, opener: packs })
  const { boots, hoard } = wireBoots({ ...parts, maintenance, room }, opener, config)
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
          const { answer, isNew } = init
          const asked = { ...init, delegation, isBack: !isNew }
          const disk = await opener.open(parseReference(imageText(image)), asked)
          const digest = answer?.away === false ? (answer.joined.profile ?? null) : undefined
          boots.opened(disk, { isNew, digest })
          if (isNew) hoard.attached(image)
          return disk
        },
      },
      server,
      renewed: async (image) => {
        const { delegation, grant, manifest } = image
        if (delegation !== undefined) await catalog.update(image, { delegation })
        await puller.renewed(manifest as ManifestId, grant)
        opener.renewed(manifest as ManifestId)
      },
      isComplete: ({ manifest }) =>
        catalog.withManifest(manifest as ManifestId).some(({ complete }) => complete),
    },
    { socketDirectory },
  )
  const offered = new TcpDisks({ server, log, exports: disks.remoteExports }, { address: tcp?.listen })
  const addMetrics = (registry: Registry) => {
    metrics.addTo(registry, disks, () => opener.wire)
    addHoardMetrics(registry, hoard)
  }
  return { disks, tcp: offered, boots, hoard, addMetrics }
}
