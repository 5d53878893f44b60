import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../src/core/log.ts'
import { FramePool } from '../src/store/frame-pool.ts'
import { type FsStore, openFsStore } from '../src/store/fs-store.ts'
import { openPackStore, type PackStore } from '../src/store/pack-store.ts'
import { type Catalog, openCatalog } from './catalog/catalog.ts'

/** What the tracker keeps on disk, and the workers that check frames. */
export interface Stores {
  readonly pool: FramePool
  readonly blocks: PackStore
  readonly nodes: FsStore
  readonly catalog: Catalog
}

/**
 * Opens everything in `dataDir`, each for `opened` to close. The pack store comes first: its lock keeps a second tracker
 * out of the whole folder. Errors: StateError when another process has it open, StorageError.
 */
export async function openStores(
  components: { opened: AsyncDisposableStack; log: Log },
  init: { dataDir: string },
): Promise<Stores> {
  const { opened, log } = components
  const { dataDir } = init
  const close = (it: { close(): Promise<void> }) => it.close()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const pool = opened.adopt(new FramePool(), close)
  const packs = await openPackStore({ dir: join(dataDir, 'blocks') }, { log, frames: pool })
  const blocks = opened.adopt(packs, close)
  const nodes = opened.adopt(await openFsStore({ dir: join(dataDir, 'nodes') }), close)
  const catalog = opened.adopt(await openCatalog({ path: join(dataDir, 'catalog.sqlite') }), close)
  return { pool, blocks, nodes, catalog }
}
