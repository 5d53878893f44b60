import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../src/core/clock.ts'
import type { TamperedError } from '../src/core/errors.ts'
import type { Log } from '../src/core/log.ts'
import { FramePool } from '../src/store/frame-pool.ts'
import { type FsStore, openFsStore } from '../src/store/fs-store.ts'
import { openPackStore, type PackStore } from '../src/store/pack-store.ts'
import { Journal } from './acl/journal.ts'
import type { Seal } from './acl/seal.ts'
import { type Catalog, openCatalog } from './catalog/catalog.ts'
import type { CatalogLocation } from './catalog/database.ts'
import type { Quotas } from './catalog/quota.ts'

/** They open what is downloaded as well as what is uploaded: more of them than a node has, one core left to the main thread. */
const FRAME_WORKERS = Math.min(4, Math.max(1, availableParallelism() - 1))

/** What the tracker keeps on disk, and the workers that check frames. */
export interface Stores {
  readonly pool: FramePool
  readonly blocks: PackStore
  readonly nodes: FsStore
  readonly catalog: Catalog
}

export interface StoresComponents {
  /** What is opened is closed by it. */
  readonly opened: AsyncDisposableStack
  readonly log: Log
  readonly seal: Seal
  readonly clock: Clock
  /** Told of everything signed that was changed outside the tracker. */
  readonly onTampered: (error: TamperedError) => void
}

/**
 * Opens everything in `dataDir`, each for `opened` to close. The pack store comes first: its lock keeps a second tracker
 * out of the whole folder. Errors: StateError when another process has it open, StorageError, those of
 * openCatalog.
 */
export async function openStores(
  components: StoresComponents,
  init: { dataDir: string; catalog: CatalogLocation; nodesRead: boolean; quotas: Quotas },
): Promise<Stores> {
  const { opened, log, ...signing } = components
  const { dataDir, nodesRead, quotas } = init
  const close = (it: { close(): Promise<void> }) => it.close()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const pool = opened.adopt(new FramePool({ workers: FRAME_WORKERS }), close)
  const packs = await openPackStore({ dir: join(dataDir, 'blocks') }, { log, frames: pool })
  const blocks = opened.adopt(packs, close)
  const nodes = opened.adopt(await openFsStore({ dir: join(dataDir, 'nodes') }), close)
  const journal = opened.adopt(await Journal.open(join(dataDir, 'chains.journal')), close)
  const catalog = opened.adopt(
    await openCatalog({ ...signing, journal }, { ...init.catalog, nodesRead, quotas }),
    close,
  )
  return { pool, blocks, nodes, catalog }
}
