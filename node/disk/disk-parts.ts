import type { TrackerClient } from '../../src/api/tracker-client.ts'
import type { BlockStore } from '../../src/core/blockstore.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Log } from '../../src/core/log.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { Identity } from '../../src/identity/identity-files.ts'
import type { PackStore } from '../../src/store/pack-store.ts'
import type { ImageCatalog } from '../image-catalog.ts'
import type { Joiner } from '../joiner.ts'
import type { Maintenance } from '../maintenance.ts'
import type { Puller } from '../puller.ts'
import type { TrackerLink } from '../tracker-link.ts'

/** What disks need of a node. */
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
  readonly packs: Pick<PackStore, 'open' | 'openPart' | 'openNow' | 'openPartNow'>
  readonly client: Pick<TrackerClient, 'images' | 'profiles'>
  readonly link: Pick<TrackerLink, 'profile' | 'self' | 'watched'>
}

/** What gives up images, and their blocks. */
export type Collector = Pick<Maintenance, 'collect' | 'remove'>
