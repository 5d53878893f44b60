import { pipe } from 'it-pipe'
import type { BlockStore } from '../core/blockstore.ts'
import { type ManifestId, manifestIdOf } from '../core/cid.ts'
import { LimitError } from '../core/errors.ts'
import { IMAGE_BYTES_MAX } from '../core/limits.ts'
import { type Log, silentLog } from '../core/log.ts'
import type { ChunkerParameters, Manifest } from '../core/manifest.ts'
import { type Batch, SlabPool } from './batch.ts'
import type { ChunkerChoice } from './chunkers.ts'
import { HeldQuestions } from './held-questions.ts'
import type { ImageSource } from './image-source.ts'
import { ImageWorkers } from './image-workers.ts'
import { ImageWriter } from './image-writer.ts'
import { ImportMeter, type ImportProgress } from './import-progress.ts'
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
import { WholeDigest } from './whole-digest.ts'

/** Batches being hashed: one while the next is read. */
const HASH_CONCURRENCY = 2
/** Batches that wait for what the sink holds: hides the round trip to a tracker. */
const HAS_CONCURRENCY = 5

export interface ImportComponents {
  /** A store, or an open upload at the tracker. */
  readonly sink: Pick<BlockStore, 'has' | 'put'>
  readonly log?: Log
}

export interface ImportInit {
  /** Read once and then closed. */
  readonly source: ImageSource
  /** How to cut; `auto`, the default, looks at the head of the image. */
  readonly chunker?: ChunkerChoice
}

export interface ImportOptions {
  signal?: AbortSignal
  /** Called after each batch of some MiB and after each write. */
  onProgress?(progress: ImportProgress): void
}

export interface ImportResult {
  readonly manifestId: ManifestId
  readonly manifest: Manifest
  /** The last progress: everything is counted. */
  readonly stats: ImportProgress
}

/**
 * Cuts an image into blocks and puts those that the sink lacks into it, the segments after their blocks, and the manifest
 * after all else. Memory is bounded, whatever the size of the image.
 *
 * Errors: ConflictError when the source changed meanwhile, LimitError when the image is too large, AbortedError, StorageError for
 * the source, and what the sink throws. What was put before an error stays, so a second import goes on where the first stopped.
 */
export async function importImage(
  components: ImportComponents,
  init: ImportInit,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { source } = init
  const { signal } = options
  const call = signal === undefined ? {} : { signal }
  const context: ImportContext = {
    held: new HeldQuestions(components, call),
    workers: new ImageWorkers(),
    whole: new WholeDigest(),
    slabs: new SlabPool(),
    recent: new RecentDigests(),
    meter: new ImportMeter(source.size, (progress) => options.onProgress?.(progress)),
    call,
  }
  try {
    if ((source.size ?? 0) > IMAGE_BYTES_MAX) throw new LimitError(`${source.name} is too large for an image`)
    return await run(components, context, init)
  } finally {
    await Promise.all([context.workers.close(), context.whole.close(), source.close()])
  }
}

async function run(
  { sink, log = silentLog }: ImportComponents,
  context: ImportContext,
  init: ImportInit,
): Promise<ImportResult> {
  const { source, chunker: choice = 'auto' } = init
  const writer = new ImageWriter({ sink, slabs: context.slabs }, context)
  const chosen: { chunker: ChunkerParameters } = { chunker: { name: 'none', parameters: {} } }
  const batches = readBatches(
    { source, choice, slabs: context.slabs },
    {
      ...context.call,
      onChunker({ parameters }) {
        chosen.chunker = parameters
      },
    },
  )
  await pipe(
    batches,
    parallelMap(HASH_CONCURRENCY, (batch: Batch) => hashBatch(context, batch)),
    parallelMap(HAS_CONCURRENCY, (hashed: HashedBatch) => selectNew(context, hashed)),
    parallelMap(context.workers.workers, (selected: SelectedBatch) => packNew(context, selected)),
    (packed) => writer.writeAll(packed),
  )
  const sha256 = await context.whole.finish()
  const { manifest, digest } = await writer.finish({ sha256, chunker: chosen.chunker })
  const { progress: stats } = context.meter
  log.info({ image: source.name, chunker: chosen.chunker, ...stats }, 'imported an image')
  return { manifestId: manifestIdOf(digest), manifest, stats }
}
