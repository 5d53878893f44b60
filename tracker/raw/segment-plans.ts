import type { BlockStore } from '../../src/core/blockstore.ts'
import { type DigestKey, digestKey, type ManifestId } from '../../src/core/cid.ts'
import { NotFoundError } from '../../src/core/errors.ts'
import { decodeFrame } from '../../src/core/frame-codec.ts'
import { decodeSegmentOf, type Manifest, type SegmentLink } from '../../src/core/manifest.ts'
import { loadManifest } from '../../src/image/manifest-walk.ts'
import { type Stretch, stretchesOf } from '../../src/image/stretches.ts'

/** Manifests that are kept, all together up to so many segments: 2 MB. */
const MANIFESTS_MAX = 64
const MANIFEST_SEGMENTS_MAX = 65_536
/** Segments whose stretches are kept, some 250 KB each: one for each of so many downloads that are apart. */
const SEGMENTS_MAX = 32

/** Manifests and cut segments of the images that are being read, shared by their readers. */
export class SegmentPlans {
  readonly #nodes: Pick<BlockStore, 'get'>
  readonly #manifests = new Map<ManifestId, Promise<Manifest>>()
  readonly #segments = new Map<DigestKey, Promise<readonly Stretch[]>>()

  constructor(components: { nodes: Pick<BlockStore, 'get'> }) {
    this.#nodes = components.nodes
  }

  /** Errors: those of loadManifest. */
  async manifest(id: ManifestId): Promise<Manifest> {
    const manifest = await shared(this.#manifests, id, () => loadManifest(this.#nodes, id))
    if (manifest.segments.length > MANIFEST_SEGMENTS_MAX / MANIFESTS_MAX) this.#manifests.delete(id)
    trim(this.#manifests, MANIFESTS_MAX)
    return manifest
  }

  /** Errors: NotFoundError when the segment node is missing, IntegrityError, ManifestError, what the store throws. */
  async stretches(link: SegmentLink): Promise<readonly Stretch[]> {
    const key = digestKey(link.digest)
    const stretches = await shared(this.#segments, key, async () => {
      const [frame] = await this.#nodes.get([link.digest])
      if (frame === undefined) throw new NotFoundError('a segment of the manifest is not here')
      return stretchesOf(decodeSegmentOf(link, decodeFrame(frame)))
    })
    trim(this.#segments, SEGMENTS_MAX)
    return stretches
  }
}

/** What is there or is being made under this key; what fails is forgotten. Used ones go to the end. */
function shared<K, V>(map: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    value.catch(() => map.delete(key))
  } else map.delete(key)
  map.set(key, value)
  return value
}

function trim<K>(map: Map<K, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return
    map.delete(key)
  }
}
