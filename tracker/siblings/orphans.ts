import type { BlockStore } from '../../src/core/blockstore.ts'
import { parseManifestId } from '../../src/core/cid.ts'
import type { Log } from '../../src/core/log.ts'
import type { PeerKey } from '../../src/core/router.ts'
import type { TrackerCatalog } from '../catalog/tracker-catalog.ts'

export interface OrphansComponents {
  readonly trackers: Pick<TrackerCatalog, 'orphans' | 'hold'>
  readonly nodes: Pick<BlockStore, 'has'>
  readonly log: Log
}

/**
 * Versions from before there were several trackers say nothing of who has their blocks: whoever has the manifest has all. To
 * be done before anything is collected. Errors: those of the catalog and the store.
 */
export async function holdOrphans(components: OrphansComponents, init: { self: PeerKey }): Promise<void> {
  const { trackers, nodes, log } = components
  const orphans = await trackers.orphans()
  const held = await nodes.has(orphans.map(parseManifestId))
  await trackers.hold(
    init.self,
    orphans.filter((_, i) => held[i] === true),
  )
  const lost = orphans.filter((_, i) => held[i] !== true).length
  if (lost > 0) log.warn({ versions: lost }, 'no tracker has the blocks of some versions')
}
