import type { BlockStore } from '../../src/core/blockstore.ts'
import { type ManifestId, parseManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { DISK_OPEN_TIMEOUT_MS } from '../../src/core/disk-limits.ts'
import { BootswarmError, type ErrorCode, IntegrityError, UnreachableError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import type { Log } from '../../src/core/log.ts'
import { decodeManifest, type Manifest } from '../../src/core/manifest.ts'
import type { Reference } from '../../src/core/reference.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { CatalogEntry, ImageCatalog } from '../image-catalog.ts'
import type { JoinAnswer } from '../joiner.ts'
import type { Pull } from '../pull.ts'
import type { Puller } from '../puller.ts'
import { BlockCache } from './block-cache.ts'
import type { BlockOpener } from './block-loader.ts'
import { type Disk, type OnLoss, OpenDisk } from './disk.ts'
import { DiskImage, type WireBytes } from './disk-image.ts'
import type { Room } from './fill-room.ts'
import { SegmentCache } from './segment-cache.ts'

export interface DiskOpenerComponents {
  catalog: ImageCatalog
  puller: Pick<Puller, 'open'>
  exchange: Pick<Exchange, 'swarm'>
  blocks: BlockStore
  nodes: BlockStore
  opener: BlockOpener
  room: Room
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
  /** Machines have it already: while nobody can be asked, or this node may not have more of it, they read what is here. */
  readonly isBack?: boolean
}

/** Why nothing more of an image comes: what is here is read all the same. */
const REFUSALS: readonly ErrorCode[] = [
  'E_NOT_AUTHORISED',
  'E_GRANT',
  'E_NOT_FOUND',
  'E_UNREACHABLE',
  'E_TIMEOUT',
  'E_STORAGE_FULL',
]

/** What an image is opened from. */
interface Found {
  readonly entry: CatalogEntry
  readonly pull: Pull | undefined
  readonly manifest: Manifest
  readonly refusal?: unknown
}

/** An image and the disks that read it. */
interface Opened {
  readonly image: DiskImage
  /** What had come already, with a pull that was under way. */
  readonly before: WireBytes
  disks: number
}

/** Opens images as disks. All disks of a node share the cache of blocks, all of one image what fetches it. */
export class DiskOpener {
  readonly #components: DiskOpenerComponents
  readonly #cache: BlockCache
  readonly #segments = new SegmentCache()
  readonly #opened = new Map<ManifestId, Opened>()
  /** Of images that no disk reads any more. */
  #wire: WireBytes = { fromOrigin: 0, fromPeers: 0 }
  /** Calls that wait for the manifest of a pull. */
  readonly #waiting = new Map<Pull, number>()

  constructor(components: DiskOpenerComponents) {
    this.#components = components
    this.#cache = new BlockCache(components)
  }

  /**
   * Joins the swarm of an image and opens it as a disk; nothing of it has to be here. While the tracker is away its last answer will do. Errors: those of the tracker; GrantError when it
   * is away and its last grant has ended; UnreachableError when nobody gives the manifest; StateError while stopping or collecting garbage.
   */
  async open(reference: Reference, init: OpenDiskOptions): Promise<Disk> {
    const { blocks, opener, clock, log } = this.#components
    const { entry, pull, manifest, refusal } = await this.#found(reference, init)
    const opened = this.#take(entry.manifest as ManifestId, () => {
      const { delegation } = init
      return new DiskImage(this.#components, { entry, manifest, pull, delegation, refusal })
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

  /** Of all images while they were open as disks, since the start. */
  get wire(): WireBytes {
    return [...this.#opened.values()].reduce(withWire, this.#wire)
  }

  /** An image was attached again: what waits for a right to it is tried at once. */
  renewed(id: ManifestId): void {
    this.#opened.get(id)?.image.renewed()
  }

  async #found(reference: Reference, init: OpenDiskOptions): Promise<Found> {
    try {
      return await this.#find(reference, init)
    } catch (error) {
      const lasts = !(error instanceof BootswarmError) || !REFUSALS.includes(error.code)
      const entry = init.isBack === true && !lasts ? this.#components.catalog.find(reference) : undefined
      const manifest = entry && (await this.#manifestHere(entry))
      if (entry === undefined || manifest === undefined) throw error
      return { entry, manifest, pull: undefined, refusal: error }
    }
  }

  /** A version that is whole here is opened without a question to anybody. */
  async #find(
    reference: Reference,
    { delegation, answer }: Pick<OpenDiskOptions, 'delegation' | 'answer'>,
  ): Promise<Found> {
    const { catalog, puller } = this.#components
    const exact = reference.version !== undefined || reference.manifest !== undefined
    const known = exact ? catalog.find(reference) : undefined
    const whole = known?.complete === true ? await this.#whole(known) : undefined
    if (whole !== undefined) return { ...whole, pull: undefined }
    for (let asked = known?.complete === true ? lacking(answer) : answer; ; asked = lacking(asked)) {
      const { entry, pull } = await puller.open(reference, { delegation, answer: asked })
      if (pull?.signal.aborted === true) {
        // Somebody gave up on it in this moment, unless it cannot be noted.
        await pull.saved
        continue
      }
      if (pull !== undefined) {
        const [manifest] = await Promise.all([this.#manifestOf(pull, entry), pull.saved])
        return { entry, pull, manifest }
      }
      const opened = await this.#whole(entry)
      if (opened !== undefined) return { ...opened, pull }
    }
  }

  /** Undefined when not even its manifest is here, which the catalog knows then. */
  async #whole(entry: CatalogEntry): Promise<{ entry: CatalogEntry; manifest: Manifest } | undefined> {
    const manifest = await this.#manifestHere(entry)
    if (manifest !== undefined) return { entry, manifest }
    await this.#components.catalog.update(entry, { complete: false, onDemand: true })
    return undefined
  }

  /** Undefined when it is not here, or damaged. */
  async #manifestHere(entry: CatalogEntry): Promise<Manifest | undefined> {
    const { nodes } = this.#components
    const id = parseManifestId(entry.manifest)
    try {
      const [frame] = await nodes.get([id])
      return frame && decodeManifest(decodeFrame(frame))
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      await nodes.delete([id])
      return undefined
    }
  }

  async #manifestOf(pull: Pull, entry: CatalogEntry): Promise<Manifest> {
    const late = new AbortController()
    this.#waiting.set(pull, (this.#waiting.get(pull) ?? 0) + 1)
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
      const used = this.#opened.has(entry.manifest as ManifestId) || this.#waiting.get(pull) !== 1
      if (pull.session.onDemand && !used) pull.stop()
      throw error
    } finally {
      cancel()
      const others = (this.#waiting.get(pull) ?? 1) - 1
      if (others > 0) this.#waiting.set(pull, others)
      else this.#waiting.delete(pull)
    }
  }

  #take(id: ManifestId, make: () => DiskImage): Opened {
    const opened = this.#opened.get(id) ?? openedOf(make())
    opened.disks++
    this.#opened.set(id, opened)
    return opened
  }

  #release(opened: Opened): void {
    if (--opened.disks > 0) return
    this.#opened.delete(opened.image.id)
    this.#wire = withWire(this.#wire, opened)
    opened.image.close()
  }
}

const openedOf = (image: DiskImage): Opened => ({ image, before: image.wire, disks: 0 })

function withWire(sum: WireBytes, { image, before }: Opened): WireBytes {
  const { fromOrigin, fromPeers } = image.wire
  return {
    fromOrigin: sum.fromOrigin + fromOrigin - before.fromOrigin,
    fromPeers: sum.fromPeers + fromPeers - before.fromPeers,
  }
}

/** The same answer of the tracker, when the image turned out not to be here. */
function lacking(answer: JoinAnswer | undefined): JoinAnswer | undefined {
  return answer && { ...answer, entry: { ...answer.entry, complete: false } }
}
