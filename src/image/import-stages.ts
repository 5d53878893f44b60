import type { CallOptions } from '../core/blockstore.ts'
import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { CODEC_RAW, CODEC_ZSTD, type Frame } from '../core/frame.ts'
import { type Batch, blockLengthsOf, type Slab, type SlabPool } from './batch.ts'
import type { HeldQuestions } from './held-questions.ts'
import type { ImageWorkers } from './image-workers.ts'
import type { ImportMeter } from './import-progress.ts'
import type { RecentDigests } from './recent-digests.ts'
import type { WholeDigest } from './whole-digest.ts'

/** What the stages of an import share. */
export interface ImportContext {
  readonly held: HeldQuestions
  readonly workers: ImageWorkers
  readonly whole: WholeDigest | undefined
  readonly slabs: SlabPool
  readonly recent: RecentDigests
  readonly meter: ImportMeter
  readonly call: CallOptions
}

export interface HashedBatch {
  readonly batch: Batch
  readonly lengths: readonly number[]
  readonly digests: readonly Digest[]
  /** Resolves when the digest of the whole image no longer needs the slab. */
  readonly wholeDone: Promise<void>
}

export interface SelectedBatch extends HashedBatch {
  /** Indices of the blocks that the sink lacks. */
  readonly fresh: readonly number[]
}

export interface PackedBatch {
  readonly spans: readonly number[]
  readonly digests: readonly Digest[]
  /** Frames of the blocks that the sink lacks. */
  readonly frames: readonly Frame[]
  /** Memory of the frames; to be given back when they are stored. */
  readonly slab: Slab | undefined
}

/** Hashes the blocks of a batch and hands the batch to the digest of the whole image; to be called in image order. */
export async function hashBatch(context: ImportContext, batch: Batch): Promise<HashedBatch> {
  const { slab, places, spans } = batch
  const lengths = blockLengthsOf(spans)
  const wholeDone = context.whole?.update({ bytes: slab, spans, places }, batch.last) ?? Promise.resolve()
  wholeDone.catch(() => {}) // awaited by packNew, which an error elsewhere may keep from running
  if (places.length === 0) return { batch, lengths, digests: [], wholeDone }
  const { bytes } = await context.workers.run(
    { kind: 'hash', bytes: slab, places, lengths },
    context.call.signal,
  )
  const digests = places.map((_, i) => bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES))
  return { batch, lengths, digests, wholeDone }
}

/** Finds the blocks that were not seen lately and that the sink lacks; to be called in image order. */
export async function selectNew(context: ImportContext, hashed: HashedBatch): Promise<SelectedBatch> {
  const asked = [...hashed.digests.keys()].filter((i) => context.recent.add(hashed.digests[i] as Digest))
  if (asked.length === 0) return { ...hashed, fresh: [] }
  const held = await context.held.ask(pick(hashed.digests, asked))
  return { ...hashed, fresh: asked.filter((_, i) => held[i] !== true) }
}

/** Compresses the new blocks and gives the slab of the batch back. */
export async function packNew(context: ImportContext, selected: SelectedBatch): Promise<PackedBatch> {
  const { batch, lengths, digests, fresh, wholeDone } = selected
  const slab = fresh.length === 0 ? undefined : context.slabs.take()
  const frames = slab === undefined ? [] : await pack(context, selected, slab)
  await wholeDone
  context.slabs.release(batch.slab)
  const newBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  const size = batch.spans.reduce((sum, span) => sum + Math.abs(span), 0)
  const zeroBytes = size - lengths.reduce((sum, length) => sum + length, 0)
  context.meter.add({
    scannedBytes: size,
    zeroBytes,
    blocks: digests.length,
    newBlocks: fresh.length,
    newBytes,
  })
  return { spans: batch.spans, digests, frames, slab }
}

async function pack(context: ImportContext, selected: SelectedBatch, target: Slab): Promise<Frame[]> {
  const { batch, fresh } = selected
  const digests = pick(selected.digests, fresh)
  const lengths = pick(selected.lengths, fresh)
  const places = pick(batch.places, fresh)
  const job = { kind: 'pack', bytes: batch.slab, lengths, places, target } as const
  const { stored } = await context.workers.run(job, context.call.signal)
  let end = 0
  return digests.map((digest, i) => {
    const length = lengths[i] as number
    const start = end
    end += stored[i] as number
    const bytes = target.subarray(start, end)
    return { digest, codec: bytes.length < length ? CODEC_ZSTD : CODEC_RAW, length, bytes }
  })
}

function pick<T>(items: readonly T[], indices: readonly number[]): T[] {
  return indices.map((i) => items[i] as T)
}
