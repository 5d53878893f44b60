import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { type Digest, type DigestKey, digestKey, type ManifestId } from '../core/cid.ts'
import { IntegrityError, NotFoundError } from '../core/errors.ts'
import { DIGEST_WANT_BLOCKS_MAX, DIGEST_WANT_SWARMS_MAX, SEGMENT_BLOCKS_MAX } from '../core/limits.ts'
import type { SegmentLink } from '../core/manifest.ts'
import { DigestTable } from './digest-table.ts'
import type { SegmentReader } from './segment-reader.ts'
import type { Swarm } from './swarm.ts'

/** Segments that the store is asked for at a time. */
const SEGMENTS_ASKED = 256

interface Places {
  /** Of blocks: their segment, and their index in it. */
  readonly table: DigestTable
  /** Segments that are not in the table, by digest. */
  readonly missing: Map<DigestKey, number>
  /** Resolves when those are in the table that were here when it was made. */
  made: Promise<void>
}

/**
 * Which blocks are in which manifest: what a want by digest may be given. For each manifest that is asked about a table of its segments that are here: those that come later are added when they are
 * read for the first time, as those are that blocks are being fetched of. The tables of those asked about last are kept.
 */
export class DigestPlaces {
  readonly #segments: SegmentReader
  /** The longest unused first. */
  readonly #places = new Map<ManifestId, Places>()

  constructor(components: { segments: SegmentReader }) {
    this.#segments = components.segments
    this.#segments.listen((key, digests) => {
      for (const places of this.#places.values()) addSegment(places, key, digests)
    })
  }

  forget(manifest: ManifestId): void {
    this.#places.delete(manifest)
  }

  /** For each digest, in order, whether a segment of the manifest that is here has such a block. Errors: those of the store. */
  async inManifest(swarm: Swarm, digests: readonly Digest[]): Promise<boolean[]> {
    const places = this.#placesOf(swarm)
    await places.made
    const found: boolean[] = []
    for (const digest of digests) found.push(await this.#has(swarm, places, digest))
    return found
  }

  #placesOf(swarm: Swarm): Places {
    const known = this.#places.get(swarm.id)
    this.#places.delete(swarm.id)
    const places = known ?? emptyPlaces(swarm)
    this.#places.set(swarm.id, places)
    if (known === undefined) {
      places.made = this.#make(swarm, places)
      places.made.catch(() => this.#places.delete(swarm.id))
    }
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= DIGEST_WANT_SWARMS_MAX) break
      this.#places.delete(oldest)
    }
    return places
  }

  async #make(swarm: Swarm, places: Places): Promise<void> {
    const { segments } = swarm.manifest
    for (let at = 0; at < segments.length; at += SEGMENTS_ASKED) {
      const some = segments.slice(at, at + SEGMENTS_ASKED)
      const held = await this.#segments.held(some)
      for (const link of some.filter((_, i) => held[i] === true)) {
        if (places.table.count >= DIGEST_WANT_BLOCKS_MAX) return
        addSegment(places, digestKey(link.digest), await this.#digestsOf(link))
        await yieldToOthers()
      }
    }
  }

  /** None where the segment is gone, or damaged: then it comes again when somebody needs it. */
  async #digestsOf(link: SegmentLink): Promise<readonly Digest[]> {
    try {
      return await this.#segments.digests(link)
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof IntegrityError) return []
      throw error
    }
  }

  /** The table guesses: the segment itself decides. */
  async #has(swarm: Swarm, { table }: Places, digest: Digest): Promise<boolean> {
    for (const place of table.find(digest)) {
      const link = swarm.manifest.segments[Math.floor(place / SEGMENT_BLOCKS_MAX)]
      const one = link && (await this.#digestsOf(link))[place % SEGMENT_BLOCKS_MAX]
      if (one !== undefined && Buffer.compare(one, digest) === 0) return true
    }
    return false
  }
}

function emptyPlaces({ manifest }: Swarm): Places {
  const missing = new Map<DigestKey, number>()
  for (const [index, { digest }] of manifest.segments.entries()) missing.set(digestKey(digest), index)
  const table = new DigestTable({ digestsMax: DIGEST_WANT_BLOCKS_MAX })
  return { table, missing, made: Promise.resolve() }
}

function addSegment({ table, missing }: Places, key: DigestKey, digests: readonly Digest[]): void {
  const segment = missing.get(key)
  if (segment === undefined || digests.length === 0) return
  missing.delete(key)
  for (const [index, digest] of digests.entries()) table.add(digest, segment * SEGMENT_BLOCKS_MAX + index)
}
