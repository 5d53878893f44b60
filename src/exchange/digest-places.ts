import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Digest, ManifestId } from '../core/cid.ts'
import { LimitError } from '../core/errors.ts'
import { DIGEST_WANT_BLOCKS_MAX, DIGEST_WANT_SWARMS_MAX } from '../core/limits.ts'
import type { RunBlocks, SegmentReader } from './segment-reader.ts'
import type { Swarm } from './swarm.ts'

/** Bits of an entry that say the segment; the others are the head of the digest. */
const SEGMENT_BITS = 20n

/**
 * Which blocks are in which manifest: what a want by digest may be given. For each manifest that is asked about a sorted table of 8 bytes
 * a block; those asked about last are kept.
 */
export class DigestPlaces {
  readonly #segments: SegmentReader
  /** The longest unused first. */
  readonly #tables = new Map<ManifestId, Promise<BigUint64Array>>()

  constructor(components: { segments: SegmentReader }) {
    this.#segments = components.segments
  }

  forget(manifest: ManifestId): void {
    this.#tables.delete(manifest)
  }

  /** For each digest, in order, whether the manifest has such a block. Errors: LimitError for too large an image, those of SegmentReader. */
  async inManifest(swarm: Swarm, digests: readonly Digest[]): Promise<boolean[]> {
    const table = await this.#table(swarm)
    const found: boolean[] = []
    for (const digest of digests) found.push(await this.#has(swarm, table, digest))
    return found
  }

  #table(swarm: Swarm): Promise<BigUint64Array> {
    const known = this.#tables.get(swarm.id)
    this.#tables.delete(swarm.id)
    const table = known ?? this.#make(swarm)
    if (known === undefined) table.catch(() => this.#tables.delete(swarm.id))
    this.#tables.set(swarm.id, table)
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size <= DIGEST_WANT_SWARMS_MAX) break
      this.#tables.delete(oldest)
    }
    return table
  }

  async #make(swarm: Swarm): Promise<BigUint64Array> {
    const entries: bigint[] = []
    for (const [index, link] of swarm.manifest.segments.entries()) {
      for (const run of await this.#segments.runs(link)) addEntries(entries, run, BigInt(index))
      if (entries.length > DIGEST_WANT_BLOCKS_MAX)
        throw new LimitError('the image has too many blocks to be asked for by digest')
      await yieldToOthers()
    }
    return BigUint64Array.from(entries).sort()
  }

  /** Heads may be the same by chance or by intent: the segment itself decides. */
  async #has(swarm: Swarm, table: BigUint64Array, digest: Digest): Promise<boolean> {
    const head = headOf(digest)
    for (let at = firstAt(table, head << SEGMENT_BITS); at < table.length; at++) {
      const entry = table[at] ?? 0n
      if (entry >> SEGMENT_BITS !== head) return false
      const link = swarm.manifest.segments[Number(entry & ((1n << SEGMENT_BITS) - 1n))]
      if (link === undefined) continue
      const runs = await this.#segments.runs(link)
      if (runs.some((run) => run.digests.some((one) => Buffer.compare(one, digest) === 0))) return true
    }
    return false
  }
}

function addEntries(entries: bigint[], run: RunBlocks, segment: bigint): void {
  for (const digest of run.digests) entries.push((headOf(digest) << SEGMENT_BITS) | segment)
}

/** The first 44 bits. */
function headOf(digest: Digest): bigint {
  return Buffer.from(digest.buffer, digest.byteOffset, 8).readBigUInt64BE() >> SEGMENT_BITS
}

/** The first index whose entry is `value` or more. */
function firstAt(table: BigUint64Array, value: bigint): number {
  let low = 0
  let high = table.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((table[middle] ?? 0n) < value) low = middle + 1
    else high = middle
  }
  return low
}
