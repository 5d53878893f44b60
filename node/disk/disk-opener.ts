import type { BlockStore } from '../../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotFoundError, UnreachableError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { DISK_OPEN_TIMEOUT_MS } from '../../src/core/limits.ts'
import type { Log } from '../../src/core/log.ts'
import { decodeManifest, type Manifest } from '../../src/core/manifest.ts'
import type { Reference } from '../../src/core/reference.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { FramePool } from '../../src/store/frame-pool.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { JoinAnswer } from '../joiner.ts'
import type { Pull } from '../pull.ts'
import type { Puller } from '../puller.ts'
import { BlockCache } from './block-cache.ts'
import { type Disk, type OnLoss, OpenDisk } from './disk.ts'
import { DiskImage } from './disk-image.ts'
import { SegmentCache } from './segment-cache.ts'

export interface DiskOpenerComponents {
  catalog: ImageCatalog
  puller: Pick<Puller, 'open'>
  exchange: Pick<Exchange, 'swarm'>
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
  /** What the tracker has said of the image already; else it is asked. */
  readonly answer?: JoinAnswer | undefined
}

/** An image and the disks that read it. */
interface Opened {
  readonly image: DiskImage
  disks: number
}

/** Opens images as disks. All disks of a node share the cache of blocks, all of one image what fetches it. */
export class DiskOpener {
  readonly #components: DiskOpenerComponents
  readonly #cache = new BlockCache()
  readonly #segments = new SegmentCache()
  readonly #opened = new Map<ManifestId, Opened>()

  constructor(components: DiskOpenerComponents) {
    this.#components = components
  }

  /**
   * Joins the swarm of an image and opens it as a disk; nothing of it has to be here. While the tracker is away its last answer will do. Errors: those of the tracker; GrantError when it
   * is away and its last grant has ended; UnreachableError when nobody gives the manifest; StateError while stopping or collecting garbage.
   */
  async open(reference: Reference, init: OpenDiskOptions): Promise<Disk> {
    const { blocks, opener, clock, log } = this.#components
    const { entry, pull } = await this.#join(reference, init)
    const manifest = await this.#manifest(entry, pull)
    const opened = this.#take(entry.manifest as ManifestId, () => {
      const { delegation } = init
      return new DiskImage(this.#components, { entry, manifest, pull, delegation })
    })
    const { image } = opened
    return new OpenDisk(
      { image, blocks, opener, clock, log, cache: this.#cache, segments: this.#segments },
      {
        ...{ name: init.name, entry, fill: init.fill, onLoss: init.onLoss },
        closed: async () => this.#release(opened),
      },
    )
  }

  /** A version that is whole here is opened without a question to anybody. */
  async #join(
    reference: Reference,
    { delegation, answer }: Pick<OpenDiskOptions, 'delegation' | 'answer'>,
  ): Promise<{ entry: CatalogEntry; pull: Pull | undefined }> {
    const { catalog, puller } = this.#components
    const exact = reference.version !== undefined || reference.manifest !== undefined
    const known = exact ? catalog.find(reference) : undefined
    if (known?.complete === true) return { entry: known, pull: undefined }
    return await puller.open(reference, { delegation, answer })
  }

  async #manifest(entry: CatalogEntry, pull: Pull | undefined): Promise<Manifest> {
    if (pull !== undefined) return await this.#manifestOf(pull, entry)
    const [frame] = await this.#components.nodes.get([parseManifestId(entry.manifest)])
    if (frame === undefined) throw new NotFoundError('the manifest of the image is not here')
    return decodeManifest(decodeFrame(frame))
  }

  async #manifestOf(pull: Pull, entry: CatalogEntry): Promise<Manifest> {
    const late = new AbortController()
    const cancel = this.#components.clock.after(DISK_OPEN_TIMEOUT_MS, () =>
      late.abort(
        new UnreachableError(
          `nobody gives the manifest of ${entry.namespace}/${entry.name}@${entry.version}`,
        ),
      ),
    )
    try {
      return (await pull.session.opened({ signal: late.signal })).manifest
    } catch (error) {
      const read = this.#opened.has(entry.manifest as ManifestId)
      if (pull.session.onDemand && !read) pull.stop()
      throw error
    } finally {
      cancel()
    }
  }

  #take(id: ManifestId, make: () => DiskImage): Opened {
    const opened = this.#opened.get(id) ?? { image: make(), disks: 0 }
    opened.disks++
    this.#opened.set(id, opened)
    return opened
  }

  #release(opened: Opened): void {
    if (--opened.disks > 0) return
    this.#opened.delete(opened.image.id)
    opened.image.close()
  }
}
