import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { IntegrityError, NotFoundError } from '../core/errors.ts'
import type { FramePool } from './frame-pool.ts'
import { encodeTable, type FrameEntry, type FrameTable } from './frame-table.ts'
import { ENTRY_HEADER_BYTES } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { findSpans, type Span } from './pack-reader.ts'

/** Memory that workers write into. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>

/**
 * Blocks and where their bytes go, in the order of their places, which do not overlap. In flat arrays: a download has hundreds of
 * thousands of blocks that wait for a worker, and objects would live long enough to be costly garbage.
 */
export interface PlacedBlocks {
  /** One after the other. */
  readonly digests: Uint8Array
  readonly lengths: Uint32Array
  /** Index in the target of the first byte of each. */
  readonly places: Uint32Array
}

interface Reading {
  readonly reads: readonly { readonly file: PackFile; readonly start: number; readonly bytes: number }[]
  /** Offsets count from the first byte of the first read. */
  readonly table: FrameTable
}

/** See PackStore.openInto. The target is one byte longer than what it is to hold. */
export async function openBlocks(
  parts: { index: PackIndex; files: PackFiles; frames: FramePool },
  blocks: PlacedBlocks,
  target: SharedBytes,
): Promise<void> {
  const { reads, table } = plan(parts, blocks)
  for (const { file } of reads) file.retain()
  try {
    const opened = await Promise.all(
      reads.map(async ({ file, start, bytes }) => ({ fd: await file.descriptor(), start, bytes })),
    )
    await parts.frames.readInto({ reads: opened, table, places: blocks.places, target })
  } finally {
    for (const { file } of reads) file.release()
  }
  await parts.files.trim()
}

function plan(parts: { index: PackIndex; files: PackFiles }, blocks: PlacedBlocks): Reading {
  const digests: Digest[] = []
  for (let at = 0; at < blocks.digests.length; at += DIGEST_BYTES)
    digests.push(blocks.digests.subarray(at, at + DIGEST_BYTES))
  const spans = findSpans(parts, digests)
  const table = encodeTable(placeEntries(spans, blocks))
  return { table, reads: spans.map(({ file, start, end }) => ({ file, start, bytes: end - start })) }
}

/** The blocks' entries in the bytes that the reads bring, one after the other. */
function placeEntries(spans: readonly Span[], { lengths }: PlacedBlocks): FrameEntry[] {
  const entries: (FrameEntry | undefined)[] = new Array(lengths.length).fill(undefined)
  let base = 0
  for (const { wanted, start, end } of spans) {
    for (const { at, digest, location } of wanted) {
      const { codec, length, stored: storedLength } = location
      if (length !== lengths[at])
        throw new IntegrityError('a block is not of the length that the manifest gives')
      const offset = base + location.offset - start + ENTRY_HEADER_BYTES
      entries[at] = { digest, codec, length, offset, storedLength }
    }
    base += end - start
  }
  const found = entries.filter((entry) => entry !== undefined)
  const missing = entries.length - found.length
  if (missing === 0) return found
  throw new NotFoundError(`${missing} blocks of the image are not here`, { data: { missing } })
}
