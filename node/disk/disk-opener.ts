import type { BlockStore } from '../../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import type { Log } from '../../src/core/log.ts'
import { decodeManifest, decodeSegmentOf } from '../../src/core/manifest.ts'
import { formatReference, type Reference } from '../../src/core/reference.ts'
import type { FramePool } from '../../src/store/frame-pool.ts'
import type { ImageCatalog } from '../image-catalog.ts'
import { BlockCache } from './block-cache.ts'
import { type Disk, type OnLoss, OpenDisk, type SharedImage } from './disk.ts'
import { SegmentCache } from './segment-cache.ts'

export interface DiskOpenerComponents {
  catalog: ImageCatalog
  blocks: BlockStore
  nodes: BlockStore
  opener: Pick<FramePool, 'inflate'>
  clock: Clock
  log: Log
}

export interface OpenDiskOptions {
  /** As NBD clients and people name the disk. */
  readonly name: string
  /** Whether the rest of the image is fetched in the background. */
  readonly fill: boolean
  readonly onLoss: OnLoss
  /** What a user has signed for this node. */
  readonly delegation?: string | undefined
}

/** Opens images as disks. All disks of a node share the cache of blocks, all of one image what fetches it. */
export class DiskOpener {
  readonly #components: DiskOpenerComponents
  readonly #cache = new BlockCache()
  readonly #segments = new SegmentCache()

  constructor(components: DiskOpenerComponents) {
    this.#components = components
  }

  /** Errors: those of the tracker; StateError while the image is not complete here. */
  async open(reference: Reference, init: OpenDiskOptions): Promise<Disk> {
    const { catalog, blocks, opener, clock, log } = this.#components
    const entry = catalog.find(reference)
    if (entry?.complete !== true)
      throw new StateError(`${formatReference(reference)} is not complete here: pull it first`)
    const image = await this.#localImage(entry.manifest as ManifestId)
    return new OpenDisk(
      { image, blocks, opener, clock, log, cache: this.#cache, segments: this.#segments },
      { name: init.name, entry, fill: init.fill, onLoss: init.onLoss, closed: async () => {} },
    )
  }

  async #localImage(id: ManifestId): Promise<SharedImage> {
    const node = async (digest: Uint8Array) => {
      const [frame] = await this.#components.nodes.get([digest])
      if (frame === undefined) throw new NotFoundError('a node of the image is not here')
      return decodeFrame(frame)
    }
    const manifest = decodeManifest(await node(parseManifestId(id)))
    const total = manifest.segments.reduce((sum, { runs }) => sum + runs, 0)
    return {
      ...{
        id,
        manifest,
        complete: true,
        runs: { held: total, total },
        wire: { fromOrigin: 0, fromPeers: 0 },
      },
      segment: async (index) => {
        const link = manifest.segments[index]
        if (link === undefined) throw new NotFoundError('no such segment')
        return decodeSegmentOf(link, await node(link.digest))
      },
      bring: async () => {
        throw new NotFoundError('blocks of the image were lost')
      },
      lost: () => {},
      fill: () => {},
    }
  }
}
