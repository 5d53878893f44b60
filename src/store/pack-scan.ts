import { ENTRY_HEADER_BYTES, ENTRY_MAGIC, type PackedEntry, readHeader } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'

/** Bytes read at a time; an entry larger than that is read whole. */
const WINDOW_BYTES = 4 * 1024 * 1024

/** Entries of a pack that lie in one piece of it. */
export interface ScanBatch {
  /** The piece. */
  readonly buffer: Buffer
  /** Whole entries with valid headers, in order; their stored bytes are not looked at. */
  readonly entries: readonly ScannedEntry[]
  /** How far the pack is scanned with this batch. */
  readonly end: number
}

export interface ScannedEntry extends PackedEntry {
  /** First of the stored bytes in the batch's buffer. */
  readonly at: number
}

/**
 * Reads the entries of a pack from `start` to `end`. Bytes that are no entry, or an entry that goes past `end`, are passed over:
 * the scan goes on at the next valid header. Throws what node:fs throws.
 */
export async function* scanPack(
  file: PackFile,
  { start, end }: { start: number; end: number },
): AsyncGenerator<ScanBatch> {
  let at = start
  let window = WINDOW_BYTES
  while (at < end) {
    const buffer = await file.read(at, Math.min(window, end - at))
    if (buffer.length === 0) return
    const last = at + buffer.length >= end || buffer.length < window
    const { entries, used, needed } = readEntries(buffer, { base: at, last })
    if (used === 0 && !last) {
      window = Math.max(needed, window * 2)
      continue
    }
    at += used
    window = Math.max(WINDOW_BYTES, needed)
    yield { buffer, entries, end: at }
  }
}

interface Piece {
  readonly entries: ScannedEntry[]
  /** Bytes of the piece that are dealt with. */
  readonly used: number
  /** Bytes that the next piece needs to hold its first entry. */
  readonly needed: number
}

function readEntries(buffer: Buffer, { base, last }: { base: number; last: boolean }): Piece {
  const entries: ScannedEntry[] = []
  let at = 0
  for (;;) {
    if (!last && at + ENTRY_HEADER_BYTES > buffer.length) return { entries, used: at, needed: 0 }
    const header = readHeader(buffer, at)
    const body = at + ENTRY_HEADER_BYTES
    if (header !== undefined && body + header.stored <= buffer.length) {
      entries.push({ ...header, offset: base + at, at: body })
      at = body + header.stored
      continue
    }
    if (header !== undefined && !last)
      return { entries, used: at, needed: ENTRY_HEADER_BYTES + header.stored }
    const next = buffer.indexOf(ENTRY_MAGIC, at + 1)
    if (next >= 0) at = next
    else
      return {
        entries,
        used: last ? buffer.length : Math.max(at, buffer.length - ENTRY_MAGIC.length + 1),
        needed: 0,
      }
  }
}
