import type { CallOptions } from '../core/blockstore.ts'
import type { Log } from '../core/log.ts'
import { framesOfEntries } from './check-entries.ts'
import { PACK_HEAD } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { type ScanBatch, scanPack } from './pack-scan.ts'
import type { PackWriter } from './pack-writer.ts'

/** Dead share past which a pack is rewritten: at 0.3 a byte freed costs at most 2.3 bytes copied. */
const DEAD_SHARE = 0.3

export interface CompactOptions extends CallOptions {
  /** Packs with a larger share of dead bytes are rewritten; 0 to 1. */
  deadShare?: number
  onProgress?(progress: { packs: number; packsTotal: number }): void
}

export interface CompactReport {
  /** Packs rewritten and removed. */
  readonly packs: number
  /** Blocks that moved to another pack. */
  readonly movedBlocks: number
  /** Bytes that the packs take less than before. */
  readonly freedBytes: number
}

interface Components {
  readonly index: PackIndex
  readonly files: PackFiles
  readonly writer: PackWriter
  readonly log: Log
}

/**
 * Rewrites packs with too many dead bytes: copies what is live behind the newest pack, points the index to the copies, removes the
 * pack when its last reader is done. Reads, puts and deletes go on meanwhile. Killed anywhere, nothing live is lost: until the index
 * points to a copy it points to the original. Needs room for the live bytes of one pack. Throws what node:fs and node:sqlite throw.
 */
export async function compactPacks(components: Components, options: CompactOptions): Promise<CompactReport> {
  const deadShare = options.deadShare ?? DEAD_SHARE
  const candidates = components.files.all().filter((file) => shareOfDead(components, file) > deadShare)
  const report = { packs: 0, movedBlocks: 0, freedBytes: 0 }
  for (const [i, file] of candidates.entries()) {
    options.signal?.throwIfAborted()
    const moved = await compactPack(components, file, options.signal)
    report.movedBlocks += moved.blocks
    report.freedBytes += (moved.removed ? file.size : 0) - moved.bytes
    if (moved.removed) report.packs++
    options.onProgress?.({ packs: i + 1, packsTotal: candidates.length })
  }
  return report
}

function shareOfDead({ index }: Components, file: PackFile): number {
  const bytes = file.size - PACK_HEAD.length
  if (bytes <= 0) return 0
  return 1 - (index.pack(file.id)?.live ?? 0) / bytes
}

async function compactPack(components: Components, file: PackFile, signal: AbortSignal | undefined) {
  const { index, files, writer, log } = components
  if (writer.active === file) await writer.exclusive(async () => writer.seal())
  const moved = { blocks: 0, bytes: 0, removed: false }
  for await (const batch of scanPack(file, { start: PACK_HEAD.length, end: file.size })) {
    signal?.throwIfAborted()
    const { blocks, bytes } = await writer.exclusive(() => relocate(components, file, batch))
    moved.blocks += blocks
    moved.bytes += bytes
  }
  if ((index.pack(file.id)?.blocks ?? 0) > 0) {
    log.warn({ pack: file.id }, 'a pack has damaged entries and is kept; verify the store')
    return moved
  }
  index.doom(file.id)
  await files.remove(file)
  index.forget(file.id)
  return { ...moved, removed: true }
}

/** Copies what is live in a batch. A block that is deleted while it is copied stays deleted. */
async function relocate({ index, writer }: Components, from: PackFile, batch: ScanBatch) {
  const live = batch.entries.filter(({ digest, offset }) => {
    const location = index.find(digest)
    return location?.pack === from.id && location.offset === offset
  })
  if (live.length === 0) return { blocks: 0, bytes: 0 }
  const { file, entries, end } = await writer.append(framesOfEntries(batch, live))
  const offsets = entries.map(({ offset }) => offset)
  let blocks: number
  try {
    blocks = index.move({ from: from.id, to: file.id, end }, live, offsets)
  } catch (error) {
    await writer.undo(file, error)
    throw error
  }
  const bytes = end - file.size
  file.size = end
  return { blocks, bytes }
}
