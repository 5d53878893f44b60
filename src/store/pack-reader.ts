import type { Digest } from '../core/cid.ts'
import { IntegrityError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { ENTRY_HEADER_BYTES, entryBytes, isHeaderOf, type Location } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { readError } from './storage-errors.ts'

/** Bytes between two wanted entries that are read along rather than asked for apart. */
const GAP_BYTES = 64 * 1024
/** Bytes of one read at most, unless one entry is larger. */
const READ_BYTES = 4 * 1024 * 1024

/** A block that is asked for and where it is. */
export interface Wanted {
  /** Place in the answer. */
  readonly at: number
  readonly digest: Digest
  readonly location: Location
}

/** Neighbours in a pack that are read at once: bytes `start` to `end` (exclusive). */
export interface Span {
  readonly file: PackFile
  readonly wanted: Wanted[]
  readonly start: number
  end: number
}

/**
 * Frames of the digests, in order; undefined where the index has none. Neighbours in a pack come with one read and share its memory.
 * Throws IntegrityError when the pack has something else where the index points, or nothing, or the disk cannot read its sectors; StorageError when it cannot be read otherwise.
 */
export async function readFrames(
  { index, files }: { index: PackIndex; files: PackFiles },
  digests: readonly Digest[],
): Promise<(Frame | undefined)[]> {
  const answer: (Frame | undefined)[] = new Array(digests.length).fill(undefined)
  const spans = findSpans({ index, files }, digests)
  for (const { file } of spans) file.retain()
  await Promise.all(spans.map((span) => readSpan(span, answer).finally(() => span.file.release())))
  await files.trim()
  return answer
}

/** The reads that bring these blocks, as far as the index has them. */
export function findSpans(
  { index, files }: { index: PackIndex; files: PackFiles },
  digests: readonly Digest[],
): Span[] {
  const wanted: Wanted[] = []
  digests.forEach((digest, at) => {
    const location = index.find(digest)
    if (location !== undefined) wanted.push({ at, digest, location })
  })
  wanted.sort((a, b) => a.location.pack - b.location.pack || a.location.offset - b.location.offset)
  const spans: Span[] = []
  for (const one of wanted) {
    const { pack, offset } = one.location
    const end = offset + entryBytes(one.location)
    const span = spans.at(-1)
    if (span?.file.id === pack && offset - span.end <= GAP_BYTES && end - span.start <= READ_BYTES) {
      span.wanted.push(one)
      span.end = Math.max(span.end, end)
    } else {
      spans.push({ file: files.get(pack), wanted: [one], start: offset, end })
    }
  }
  return spans
}

/** What lies between wanted entries: nobody looks at it. */
const gap = Buffer.allocUnsafeSlow(GAP_BYTES)

/** Where the read puts the header and the stored bytes of one entry. */
interface Landing {
  readonly header: Buffer
  readonly bytes: Buffer
}

async function readSpan({ file, wanted, start, end }: Span, answer: (Frame | undefined)[]): Promise<void> {
  const { landings, buffers } = layOut(wanted, start)
  const filled = await file.readv(buffers, start).catch((cause: unknown) => {
    throw readError(cause)
  })
  if (filled < end - start)
    throw new IntegrityError('a pack is shorter than its index says', { data: { pack: file.id } })
  for (const [i, { at, digest, location }] of wanted.entries()) {
    const { codec, length, stored, offset } = location
    const landing = landings[i]
    if (landing === undefined || !isHeaderOf({ digest, codec, length, stored }, landing.header, 0)) {
      throw new IntegrityError('a pack does not hold what its index says', {
        data: { pack: file.id, offset },
      })
    }
    answer[at] = { digest, codec, length, bytes: landing.bytes }
  }
}

/** Headers go to one side, so that the stored bytes are one piece of memory, in the order of the pack: a run leaves in one write. */
function layOut(wanted: readonly Wanted[], start: number): { landings: Landing[]; buffers: Buffer[] } {
  const headers = Buffer.allocUnsafeSlow(wanted.length * ENTRY_HEADER_BYTES)
  const stored = Buffer.allocUnsafeSlow(wanted.reduce((sum, { location }) => sum + location.stored, 0))
  const landings: Landing[] = []
  const buffers: Buffer[] = []
  let read = start
  let filled = 0
  wanted.forEach(({ location }, i) => {
    const last = landings.at(-1)
    if (location.offset < read && last !== undefined) {
      // the same block once more
      landings.push(last)
      return
    }
    if (location.offset > read) buffers.push(gap.subarray(0, location.offset - read))
    const header = headers.subarray(i * ENTRY_HEADER_BYTES, (i + 1) * ENTRY_HEADER_BYTES)
    const bytes = stored.subarray(filled, filled + location.stored)
    buffers.push(header, bytes)
    landings.push({ header, bytes })
    filled += location.stored
    read = location.offset + entryBytes(location)
  })
  return { landings, buffers }
}
