import type { Digest } from '../core/cid.ts'
import { IntegrityError, NotFoundError } from '../core/errors.ts'
import type { FramePool } from './frame-pool.ts'
import type { FrameEntry } from './frame-table.ts'
import { ENTRY_HEADER_BYTES } from './pack-entry.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { findSpans, type Span } from './pack-reader.ts'

/** Memory that workers write into. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>

/** A block and where its bytes go. */
export interface PlacedBlock {
  readonly digest: Digest
  readonly length: number
  /** Index of its first byte in the target. Blocks are given in the order of their places and do not overlap. */
  readonly place: number
}

/** See PackStore.openInto. The target is one byte longer than what it is to hold. */
export async function openBlocks(
  parts: { index: PackIndex; files: PackFiles; frames: FramePool },
  blocks: readonly PlacedBlock[],
  target: SharedBytes,
): Promise<void> {
  const spans = findSpans(
    parts,
    blocks.map(({ digest }) => digest),
  )
  const entries = placeEntries(spans, blocks)
  for (const { file } of spans) file.retain()
  try {
    const reads = await Promise.all(
      spans.map(async ({ file, start, end }) => ({ fd: await file.descriptor(), start, bytes: end - start })),
    )
    const places = blocks.map(({ place }) => place)
    await parts.frames.readInto({ reads, entries, places, target })
  } finally {
    for (const { file } of spans) file.release()
  }
  await parts.files.trim()
}

/** The blocks' entries in the bytes that the reads bring, one after the other. */
function placeEntries(spans: readonly Span[], blocks: readonly PlacedBlock[]): FrameEntry[] {
  const entries: (FrameEntry | undefined)[] = new Array(blocks.length).fill(undefined)
  let base = 0
  for (const { wanted, start, end } of spans) {
    for (const { at, digest, location } of wanted) {
      const { codec, length, stored: storedLength } = location
      if (length !== blocks[at]?.length)
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
