import type { GcAnswer } from '../../src/api/tracker-schemas.ts'
import type { CallOptions } from '../../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { PeerKey } from '../../src/core/router.ts'
import { DigestSet } from '../../src/store/digest-set.ts'
import { type CollectedStore, collectGarbage, type GcReport } from '../../src/store/gc.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Gate } from './gate.ts'

export interface CollectorComponents {
  readonly catalog: Catalog
  readonly blocks: CollectedStore & { compact(options?: CallOptions): Promise<unknown> }
  readonly nodes: CollectedStore
  readonly gate: Gate
  /** Told of the manifests that are left, before blocks of others go. */
  readonly serveOnly: (manifests: ReadonlySet<ManifestId>) => void
  readonly clock: Clock
  /** This tracker: what others hold is theirs. */
  readonly self: PeerKey
}

/** Frees what no version and no open upload needs. */
export class Collector {
  readonly #c: CollectorComponents
  #running: Promise<unknown> = Promise.resolve()

  constructor(components: CollectorComponents) {
    this.#c = components
  }

  /**
   * One collection at a time, others after it. Uploads wait while blocks are marked and deleted, not while packs are
   * compacted.
   */
  async collect(options: CallOptions = {}): Promise<GcAnswer> {
    const mine = this.#running.then(() => this.#collect(options))
    this.#running = mine.catch(() => {})
    return await mine
  }

  async #collect(options: CallOptions): Promise<GcAnswer> {
    const { catalog, blocks, gate, clock } = this.#c
    const { expiredUploads, report } = await gate.exclusive(async () => {
      const expired = await catalog.uploads.removeExpired({ nowMs: clock.now() })
      return { expiredUploads: expired, report: await this.#sweep(options) }
    })
    await blocks.compact(options)
    const freedBytes = report.bytes + report.nodeBytes
    return { expiredUploads, blocksDeleted: report.blocks, nodesDeleted: report.nodes, freedBytes }
  }

  async #sweep(options: CallOptions): Promise<GcReport> {
    const { catalog, blocks, nodes, serveOnly, self } = this.#c
    const leased = new DigestSet()
    for await (const digest of catalog.uploads.leased(self)) leased.add(digest)
    const manifests = new Set(await catalog.trackers.needed(self))
    serveOnly(manifests)
    const roots = [...manifests].map(parseManifestId)
    return await collectGarbage({ blocks, nodes, roots, keep: (digest) => leased.has(digest) }, options)
  }
}
