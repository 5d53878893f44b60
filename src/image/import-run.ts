import { pipe } from 'it-pipe'
import type { Digest } from '../core/cid.ts'
import { LimitError } from '../core/errors.ts'
import { IMAGE_BYTES_MAX } from '../core/limits.ts'
import type { ChunkerParameters } from '../core/manifest.ts'
import { type Batch, SlabPool } from './batch.ts'
import { HeldQuestions } from './held-questions.ts'
import { ImageWorkers } from './image-workers.ts'
import { ImageWriter, type WriterBounds } from './image-writer.ts'
import type { ImportComponents, ImportInit, ImportOptions } from './import-init.ts'
import { ImportMeter } from './import-progress.ts'
import {
  type HashedBatch,
  hashBatch,
  type ImportContext,
  packNew,
  type SelectedBatch,
  selectNew,
} from './import-stages.ts'
import { parallelMap } from './parallel-map.ts'
import { readBatches } from './read-batches.ts'
import { RecentDigests } from './recent-digests.ts'
import type { WholeDigest } from './whole-digest.ts'

/** Batches being hashed: one while the next is read. */
const HASH_CONCURRENCY = 2

interface Bounds extends WriterBounds {
  /** Batches that wait for what the sink holds. */
  readonly asked: number
  /** Batches whose questions go to the sink together. */
  readonly together: number
}

/** Hides the round trips to a tracker: up to 55 MiB. */
const FAR: Bounds = { asked: 5, together: 4, putSlabsMax: 4, putsMax: 3, nodesMax: 64 }
/** A sink on this machine answers at once: up to 25 MiB, so that several imports fit beside each other. */
const NEAR: Bounds = { asked: 2, together: 1, putSlabsMax: 2, putsMax: 2, nodesMax: 4 }

/** Everything but the manifest of an import that has run. */
export interface RanImport {
  readonly writer: ImageWriter
  readonly chunker: ChunkerParameters
  readonly meter: ImportMeter
  /** Of the whole image; undefined where it was not asked for or has too many zeros. */
  readonly sha256: Digest | undefined
}

/** Reads, cuts, hashes, compresses and puts; closes the source. `whole` gets every byte, those from before first. */
export async function runImport(
  components: ImportComponents,
  init: ImportInit & { readonly whole: WholeDigest | undefined },
  options: ImportOptions,
): Promise<RanImport> {
  const { source, whole, before } = init
  const workers = components.workers ?? new ImageWorkers()
  try {
    if ((source.size ?? 0) > IMAGE_BYTES_MAX) throw new LimitError(`${source.name} is too large for an image`)
    if (whole !== undefined) for await (const part of before?.parts ?? []) await whole.update(part, false)
    return await run(components, { ...init, workers }, options)
  } finally {
    if (components.workers === undefined) await workers.close()
    await Promise.all([whole?.close(), source.close()])
  }
}

async function run(
  components: ImportComponents,
  init: Parameters<typeof runImport>[1] & { readonly workers: ImageWorkers },
  options: ImportOptions,
): Promise<RanImport> {
  const { source, chunker: choice = 'auto', whole, workers } = init
  const call = options.signal === undefined ? {} : { signal: options.signal }
  const bounds = init.sink === 'near' ? NEAR : FAR
  const slabs = new SlabPool()
  const meter = new ImportMeter(source.size, (progress) => options.onProgress?.(progress))
  const held = new HeldQuestions(components, { call, together: bounds.together })
  const context: ImportContext = { held, workers, whole, slabs, recent: new RecentDigests(), meter, call }
  const chosen: { chunker: ChunkerParameters } = { chunker: { name: 'none', parameters: {} } }
  const before = init.before?.segments ?? []
  const writer = new ImageWriter(
    { sink: components.sink, slabs },
    {
      ...{ meter, call, bounds, before },
      onSegments: async (segments) => await init.onSegments?.(segments, chosen.chunker),
    },
  )
  const onChunker = (chunker: { parameters: ChunkerParameters }) => {
    chosen.chunker = chunker.parameters
  }
  await pipe(
    readBatches({ source, choice, slabs, offset: writer.size }, { ...call, onChunker }),
    parallelMap(HASH_CONCURRENCY, (batch: Batch) => hashBatch(context, batch)),
    parallelMap(bounds.asked, (hashed: HashedBatch) => selectNew(context, hashed)),
    parallelMap(workers.workers, (selected: SelectedBatch) => packNew(context, selected)),
    (packed) => writer.writeAll(packed),
  )
  return { writer, chunker: chosen.chunker, meter, sha256: await whole?.finish() }
}
