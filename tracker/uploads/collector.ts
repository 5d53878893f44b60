import type { GcAnswer } from '../../src/api/tracker-schemas.ts'
import type { BlockStore, CallOptions } from '../../src/core/blockstore.ts'
import { type DigestKey, digestKey, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { collectGarbage } from '../../src/store/gc.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Gate } from './gate.ts'

export interface CollectorComponents {
  readonly catalog: Catalog
  readonly blocks: BlockStore & { compact(options?: CallOptions): Promise<unknown> }
  readonly nodes: BlockStore
  readonly gate: Gate
  readonly clock: Clock
}

/** Frees what no version and no open upload needs. */
export class Collector {
  readonly #c: CollectorComponents

  constructor(components: CollectorComponents) {
    this.#c = components
  }

  /** Uploads wait while blocks are marked and deleted, not while packs are compacted. */
  async collect(options: CallOptions = {}): Promise<GcAnswer> {
    const { blocks, gate } = this.#c
    const before = await blocks.stat()
    const { expiredUploads, blocksDeleted, nodesDeleted } = await gate.exclusive(() => this.#sweep(options))
    const after = await blocks.stat()
    await blocks.compact(options)
    const freedBytes = Math.max(0, before.storedBytes - after.storedBytes)
    return { expiredUploads, blocksDeleted, nodesDeleted, freedBytes }
  }

  async #sweep(options: CallOptions) {
    const { catalog, blocks, nodes, clock } = this.#c
    const expiredUploads = await catalog.uploads.removeExpired({ nowMs: clock.now() })
    const leased = new Set<DigestKey>()
    for await (const digest of catalog.uploads.leased()) leased.add(digestKey(digest))
    const roots = (await catalog.images.manifests()).map(parseManifestId)
    const report = await collectGarbage(
      { blocks, nodes, roots, keep: (digest) => leased.has(digestKey(digest)) },
      options,
    )
    return { expiredUploads, blocksDeleted: report.blocks, nodesDeleted: report.nodes }
  }
}
