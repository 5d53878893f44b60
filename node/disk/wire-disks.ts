import { join } from 'node:path'
import type { Registry } from 'prom-client'
import type { BlockStore } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import { parseReference } from '../../src/core/reference.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { FramePool } from '../../src/store/frame-pool.ts'
import type { NodeConfig } from '../config.ts'
import type { ImageCatalog } from '../image-catalog.ts'
import type { Joiner } from '../joiner.ts'
import type { Puller } from '../puller.ts'
import { imageText } from './attached.ts'
import { DiskFiles } from './disk-files.ts'
import { DiskMetrics } from './disk-metrics.ts'
import { DiskOpener } from './disk-opener.ts'
import { Disks } from './disks.ts'
import { NbdServer } from './nbd/server.ts'

export interface DiskParts {
  readonly log: Log
  readonly clock: Clock
  readonly catalog: ImageCatalog
  readonly joiner: Joiner
  readonly puller: Puller
  readonly exchange: Exchange
  readonly blocks: BlockStore
  readonly nodes: BlockStore
  readonly frames: FramePool
}

export interface WiredDisks {
  readonly disks: Disks
  addMetrics(registry: Registry): void
}

/** What gives images to machines as disks, and how to show its figures. */
export function wireDisks(parts: DiskParts, config: Pick<NodeConfig, 'dataDir' | 'disk'>): WiredDisks {
  const { log, clock, catalog, joiner, puller, exchange, blocks, nodes, frames } = parts
  const metrics = new DiskMetrics()
  const opener = new DiskOpener({ log, clock, catalog, puller, exchange, blocks, nodes, opener: frames })
  const disks = new Disks(
    {
      ...{ log, clock, images: joiner },
      files: new DiskFiles({ log }, { dir: join(config.dataDir, 'disks') }),
      opener: {
        open: (image, init) =>
          opener.open(parseReference(imageText(image)), { ...init, delegation: image.delegation }),
      },
      server: new NbdServer({ log, clock, observer: metrics }),
      renewed: async (image) => {
        const { delegation, grant, manifest } = image
        if (delegation !== undefined) await catalog.update(image, { delegation })
        await puller.renewed(manifest as ManifestId, grant)
      },
      isComplete: ({ manifest }) =>
        catalog.withManifest(manifest as ManifestId).some(({ complete }) => complete),
    },
    { socketDirectory: config.disk.socketDirectory },
  )
  return { disks, addMetrics: (registry) => metrics.addTo(registry, disks) }
}
