import type { BlockStore, CallOptions } from '../../src/core/blockstore.ts'
import type { ManifestId } from '../../src/core/cid.ts'
import type { Clock } from '../../src/core/clock.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import {
  RELATED_IMAGES_MAX,
  RELATED_REMEMBERED_MAX,
  RELATED_REMEMBERED_MS,
  RELATED_SHARE_MIN,
} from '../../src/core/registry-limits.ts'
import { type Sketch, Sketcher, sharedWith } from '../../src/core/sketch.ts'
import { loadManifest, walkManifest } from '../../src/image/manifest-walk.ts'
import type { Catalog } from '../catalog/catalog.ts'

export interface CommonalityComponents {
  readonly catalog: Pick<Catalog, 'sketches'>
  /** Manifests and segments. */
  readonly nodes: Pick<BlockStore, 'get'>
  readonly clock: Clock
}

/** Another image that has some of the same blocks. */
export interface RelatedManifest {
  readonly manifest: ManifestId
  /** Estimated share of the blocks asked about that it has, 0 to 1. */
  readonly share: number
}

interface Remembered {
  readonly related: readonly RelatedManifest[]
  readonly untilMs: number
}

/** Which images share blocks: found by samples of their digests that are kept in the catalog. */
export class Commonality {
  readonly #c: CommonalityComponents
  /** The longest known first. */
  readonly #remembered = new Map<ManifestId, Remembered>()

  constructor(components: CommonalityComponents) {
    this.#c = components
  }

  /** Manifests with blocks of this one, those with most of them first. None while its segments are not on this tracker. */
  async related(manifest: ManifestId, options: CallOptions = {}): Promise<readonly RelatedManifest[]> {
    const nowMs = this.#c.clock.monotonic()
    const known = this.#remembered.get(manifest)
    if (known !== undefined && known.untilMs > nowMs) return known.related
    const related = await this.#find(manifest, options)
    this.#remembered.delete(manifest)
    this.#remembered.set(manifest, { related, untilMs: nowMs + RELATED_REMEMBERED_MS })
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= RELATED_REMEMBERED_MAX) break
      this.#remembered.delete(oldest)
    }
    return related
  }

  /** Takes the sample of a manifest unless there is one. Undefined when its nodes are not here. Errors: those of the stores. */
  async sketch(manifest: ManifestId, options: CallOptions = {}): Promise<Sketch | undefined> {
    const { sketches } = this.#c.catalog
    const known = await sketches.get(manifest)
    if (known !== undefined) return known
    const made = await this.#make(manifest, options)
    if (made === undefined) return undefined
    await sketches.put(manifest, made)
    this.#remembered.clear()
    return made
  }

  async #find(manifest: ManifestId, options: CallOptions): Promise<RelatedManifest[]> {
    const sketch = await this.sketch(manifest, options)
    if (sketch === undefined) return []
    const likely = await this.#c.catalog.sketches.like(manifest, sketch)
    return likely
      .map((other) => ({ manifest: other.manifest, share: sharedWith(sketch, other.sketch) }))
      .filter(({ share }) => share >= RELATED_SHARE_MIN)
      .sort((one, other) => other.share - one.share)
      .slice(0, RELATED_IMAGES_MAX)
  }

  async #make(manifest: ManifestId, options: CallOptions): Promise<Sketch | undefined> {
    const { nodes } = this.#c
    const sketcher = new Sketcher()
    try {
      const decoded = await loadManifest(nodes, manifest, options)
      for await (const { segment } of walkManifest(nodes, { manifest: decoded }, options))
        sketcher.add(segment.digests)
    } catch (error) {
      if (error instanceof NotFoundError) return undefined
      throw error
    }
    return sketcher.finish()
  }
}
