import { pipe } from 'it-pipe'
import type { CallOptions } from '../../core/blockstore.ts'
import { DIGEST_BYTES, type Digest } from '../../core/cid.ts'
import { type Batch, blockLengthsOf, SlabPool } from '../batch.ts'
import type { ImageSource } from '../image-source.ts'
import type { ImageWorkers } from '../image-workers.ts'
import { parallelMap } from '../parallel-map.ts'
import { readBatches } from '../read-batches.ts'

/** Batches being hashed: one while the next is read. */
const HASH_CONCURRENCY = 2

export interface CutBlock {
  readonly digest: Digest
  readonly offset: number
  readonly length: number
}

/**
 * Cuts an image as an import does, and hashes its blocks. Yields them in order, with the bytes that have been gone through. The source
 * is the caller's to close. Errors: those of the source, AbortedError.
 */
export async function* cutSeed(
  { workers }: { workers: ImageWorkers },
  source: ImageSource,
  options: CallOptions = {},
): AsyncGenerator<{ blocks: CutBlock[]; doneBytes: number }> {
  const slabs = new SlabPool()
  const hash = async ({ slab, spans, places }: Batch) => {
    const lengths = blockLengthsOf(spans)
    const job = { kind: 'hash', bytes: slab, places, lengths } as const
    const { bytes } =
      places.length === 0 ? { bytes: new Uint8Array(0) } : await workers.run(job, options.signal)
    slabs.release(slab)
    return { spans, digests: bytes }
  }
  const batches = readBatches({ source, choice: 'auto', slabs }, { ...options, onChunker: () => {} })
  let offset = 0
  for await (const { spans, digests } of pipe(batches, parallelMap(HASH_CONCURRENCY, hash))) {
    const blocks: CutBlock[] = []
    for (const span of spans) {
      const at = blocks.length * DIGEST_BYTES
      if (span > 0) blocks.push({ digest: digests.subarray(at, at + DIGEST_BYTES), offset, length: span })
      offset += Math.abs(span)
    }
    yield { blocks, doneBytes: offset }
  }
}
