import type { GcAnswer, VerifyAnswer, VerifyProgress } from '../src/api/node-schemas.ts'
import { Bitmap } from '../src/core/bitmap.ts'
import { type Digest, type ManifestId, parseManifestId } from '../src/core/cid.ts'
import { IntegrityError, ManifestError, StateError } from '../src/core/errors.ts'
import { decodeFrame } from '../src/core/frame-codec.ts'
import { decodeManifest, type Manifest, runCount } from '../src/core/manifest.ts'
import { decodeSegment } from '../src/core/segment.ts'
import type { Exchange } from '../src/exchange/exchange.ts'
import type { FsStore } from '../src/store/fs-store.ts'
import { collectGarbage } from '../src/store/gc.ts'
import type { PackStore } from '../src/store/pack-store.ts'
import type { Announcer } from './announcer.ts'
import type { Disks } from './disk/disks.ts'
import type { CatalogEntry, ImageCatalog } from './image-catalog.ts'
import type { Puller } from './puller.ts'

export interface MaintenanceComponents {
  blocks: PackStore
  nodes: FsStore
  catalog: ImageCatalog
  exchange: Exchange
  puller: Puller
  announcer: Announcer
  disks: Pick<Disks, 'exclusively' | 'images' | 'namesOf'>
}

/** What keeps the store of a node in order: loading, removing, collecting, verifying. */
export class Maintenance {
  readonly #components: MaintenanceComponents

  constructor(components: MaintenanceComponents) {
    this.#components = components
  }

  /** Serves the images that are complete here. One whose manifest was lost or is damaged becomes incomplete. */
  async load(): Promise<void> {
    const { catalog, exchange } = this.#components
    for (const entry of catalog.all().filter(({ complete }) => complete)) {
      const manifest = await this.#manifest(entry)
      if (manifest === undefined) await catalog.update(entry, { complete: false })
      else exchange.addSwarm(entry.manifest as ManifestId, manifest, Bitmap.full(runCount(manifest)))
    }
  }

  /** Forgets an image; stops its pull. Its blocks stay until the next collection. Throws StateError while it is attached as a disk. */
  async remove(entry: CatalogEntry): Promise<void> {
    const { catalog, exchange, puller, announcer, disks } = this.#components
    const [disk] = disks.namesOf(entry)
    if (disk !== undefined) {
      const advice = `Take the disk away first: bootswarm disk detach ${disk}`
      const image = `${entry.namespace}/${entry.name}@${entry.version}`
      throw new StateError(`${image} is attached as disk ${disk}`, { data: { advice } })
    }
    await catalog.remove(entry)
    const manifest = entry.manifest as ManifestId
    if (catalog.withManifest(manifest).length > 0) return
    for (const pull of puller.running()) if (pull.manifest === manifest) pull.stop()
    const segments = exchange.swarm(manifest)?.manifest.segments ?? []
    exchange.removeSwarm(manifest)
    await announcer.forget(
      manifest,
      segments.map((link) => link.digest),
    )
  }

  /** What images here and disks need stays. New pulls and disks are kept out while it is decided what goes, not while the space is given back. Errors: StateError while a pull is under way, or a disk is being attached. */
  async collect(init: { dryRun: boolean }): Promise<GcAnswer> {
    const { blocks, puller, disks } = this.#components
    const report = await puller.exclusively(() => disks.exclusively(() => this.#collect(init)))
    return {
      dryRun: init.dryRun,
      blocksKept: report.kept,
      blocksDeleted: report.blocks,
      storedBytesFreed: init.dryRun ? report.bytes : (await blocks.compact()).freedBytes,
    }
  }

  async #collect(init: { dryRun: boolean }): ReturnType<typeof collectGarbage> {
    const { blocks, nodes, catalog, disks, puller } = this.#components
    // What has just begun may not be in the catalog yet.
    const kept = [...catalog.all(), ...disks.images(), ...puller.running()].map(({ manifest }) => manifest)
    const roots = [...new Set(kept)].map((manifest) => parseManifestId(manifest))
    return await collectGarbage({ blocks, nodes, roots }, { dryRun: init.dryRun, partial: true })
  }

  /** Hashes every block again; images that lost one become incomplete. */
  async verify(onProgress: (progress: VerifyProgress) => void): Promise<VerifyAnswer> {
    const { blocks, catalog, exchange } = this.#components
    const report = await blocks.verify({ onProgress })
    const incompleteImages: string[] = []
    for (const entry of catalog.all().filter(({ complete }) => complete)) {
      if (await this.#isWhole(entry)) continue
      incompleteImages.push(`${entry.namespace}/${entry.name}@${entry.version}`)
      exchange.removeSwarm(entry.manifest as ManifestId)
      await catalog.update(entry, { complete: false })
    }
    return { blocks: report.blocks + report.corrupt.length, corrupt: report.corrupt.length, incompleteImages }
  }

  async #isWhole(entry: CatalogEntry): Promise<boolean> {
    const { blocks } = this.#components
    const manifest = await this.#manifest(entry)
    if (manifest === undefined) return false
    for (const link of manifest.segments) {
      const segment = await this.#node(link.digest, decodeSegment)
      if (segment === undefined || (await blocks.has(segment.digests)).includes(false)) return false
    }
    return true
  }

  #manifest(entry: CatalogEntry): Promise<Manifest | undefined> {
    return this.#node(parseManifestId(entry.manifest), decodeManifest)
  }

  /** Undefined when the node is not here. A damaged one is deleted, so that the next pull fetches it again. */
  async #node<T>(digest: Digest, decode: (bytes: Uint8Array) => T): Promise<T | undefined> {
    const { nodes } = this.#components
    try {
      const [frame] = await nodes.get([digest])
      return frame && decode(decodeFrame(frame))
    } catch (error) {
      if (!(error instanceof IntegrityError || error instanceof ManifestError)) throw error
      await nodes.delete([digest])
      return undefined
    }
  }
}
