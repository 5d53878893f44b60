import type { CallOptions } from '../core/blockstore.ts'
import type { Digest } from '../core/cid.ts'
import { checkEntries } from './check-entries.ts'
import type { FramePool } from './frame-pool.ts'
import { ENTRY_HEADER_BYTES, isEntryHeader, PACK_HEAD, type PackedEntry } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import type { PackIndex } from './pack-index.ts'
import { entriesOf } from './pack-recovery.ts'
import { scanPack } from './pack-scan.ts'

export interface VerifyProgress {
  /** Bytes of packs read so far, and of all packs when it began. */
  readonly bytes: number
  readonly bytesTotal: number
}

export interface VerifyOptions extends CallOptions {
  onProgress?(progress: VerifyProgress): void
}

export interface VerifyReport {
  /** Blocks that were read and are what their digests name. */
  readonly blocks: number
  /** Stored bytes of them. */
  readonly bytes: number
  /** Blocks that were not, and are out of the index now, so that they can be fetched and put again. */
  readonly corrupt: readonly Digest[]
}

interface Components {
  readonly index: PackIndex
  readonly files: PackFiles
  readonly frames: FramePool
}

interface Findings {
  blocks: number
  bytes: number
  readonly corrupt: Digest[]
}

/** Reads and hashes every block in the index, pack by pack. What is put meanwhile may or may not be seen. Throws what node:fs throws. */
export async function verifyPacks(components: Components, options: VerifyOptions): Promise<VerifyReport> {
  const { index, files } = components
  const findings: Findings = { blocks: 0, bytes: 0, corrupt: [] }
  const rows = index.packs().filter(({ doomed }) => !doomed)
  const bytesTotal = rows.reduce((sum, { end }) => sum + end, 0)
  let before = 0
  for (const { id, end } of rows) {
    const file = files.get(id)
    file.retain()
    try {
      await verifyPack(components, { file, end, findings, onBytes: (n) => report(before + n), options })
    } finally {
      file.release()
    }
    await files.trim()
    before += end
  }
  return findings

  function report(bytes: number): void {
    options.onProgress?.({ bytes, bytesTotal })
  }
}

interface PackCheck {
  readonly file: PackFile
  readonly end: number
  readonly findings: Findings
  readonly options: VerifyOptions
  onBytes(bytes: number): void
}

async function verifyPack(components: Components, check: PackCheck): Promise<void> {
  const { index } = components
  const { file, end, findings, options } = check
  let seen = 0
  for await (const batch of scanPack(file, { start: PACK_HEAD.length, end })) {
    options.signal?.throwIfAborted()
    const live = batch.entries.filter((entry) => isLive(index, file.id, entry))
    const right = await checkEntries(batch, live, components.frames)
    const wrong = live.filter((_, i) => !right[i])
    // wrong ones are out of the index when it is compared below
    seen += live.length - wrong.length
    drop(components, { file, entries: wrong, findings })
    tally(
      findings,
      live.filter((_, i) => right[i]),
    )
    check.onBytes(batch.end)
  }
  if ((index.pack(file.id)?.blocks ?? 0) > seen) await dropUnseen(components, check)
}

function isLive(index: PackIndex, pack: number, entry: PackedEntry): boolean {
  const location = index.find(entry.digest)
  return location?.pack === pack && location.offset === entry.offset
}

function tally(findings: Findings, entries: readonly PackedEntry[]): void {
  findings.blocks += entries.length
  for (const { stored } of entries) findings.bytes += stored
}

function drop(
  { index }: Components,
  what: { file: PackFile; entries: readonly PackedEntry[]; findings: Findings },
): void {
  if (what.entries.length === 0) return
  index.deleteEntries(what.file.id, what.entries)
  for (const { digest } of what.entries) what.findings.corrupt.push(digest)
}

/** The index has entries that the scan did not come upon: their headers are damaged. */
async function dropUnseen(components: Components, { file, end, findings }: PackCheck): Promise<void> {
  const unseen: PackedEntry[] = []
  for (const entry of entriesOf(components.index, file.id)) {
    if (entry.offset >= end) continue
    const header = await file.read(entry.offset, ENTRY_HEADER_BYTES)
    if (!isEntryHeader(entry, header)) unseen.push(entry)
  }
  drop(components, { file, entries: unseen, findings })
}
