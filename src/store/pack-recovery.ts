import { rename, rm } from 'node:fs/promises'
import type { Log } from '../core/log.ts'
import { checkEntries } from './check-entries.ts'
import type { FramePool } from './frame-pool.ts'
import { entryBytes, PACK_HEAD, type PackedEntry } from './pack-entry.ts'
import type { PackFile } from './pack-file.ts'
import type { PackFiles } from './pack-files.ts'
import { PackIndex } from './pack-index.ts'
import { scanPack } from './pack-scan.ts'

interface Components {
  readonly index: PackIndex
  readonly files: PackFiles
  readonly frames: FramePool
  readonly log: Log
}

/** Opens the index, or puts an unusable one aside and begins an empty one, which `recover` fills. */
export async function openIndex(path: string, log: Log): Promise<PackIndex> {
  try {
    return new PackIndex(path)
  } catch (error) {
    if (!isUnusable(error)) throw error
    log.error({ path, error: String(error) }, 'the index is unusable and is made anew from the packs')
    await rename(path, `${path}.unusable`)
    for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true })
    return new PackIndex(path)
  }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, or an index of another version: what the packs can replace. A failing disk is none of it. */
function isUnusable(error: unknown): boolean {
  if (error instanceof TypeError) return true
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return errcode === 11 || errcode === 26
}

/**
 * Brings index and packs together after whatever ended the last run: finishes removals, forgets what is gone, indexes entries that are
 * whole and right behind the indexed end, and cuts what follows the last of them.
 */
export async function recover(components: Components): Promise<void> {
  const { index, files, log } = components
  for (const row of index.packs()) {
    if (files.has(row.id) && (row.doomed || files.get(row.id).size < PACK_HEAD.length)) {
      await files.remove(files.get(row.id))
    }
    if (files.has(row.id)) continue
    const blocks = index.forget(row.id)
    if (blocks > 0 && !row.doomed)
      log.error({ pack: row.id, blocks }, 'a pack file is gone, and its blocks with it')
  }
  for (const file of files.all()) await recoverPack(components, file)
}

async function recoverPack(components: Components, file: PackFile): Promise<void> {
  const { index, files, log } = components
  const end = index.pack(file.id)?.end ?? PACK_HEAD.length
  if (file.size < PACK_HEAD.length) return files.remove(file)
  if (file.size < end) return forgetTail(components, file)
  if (file.size === end) return
  const good = await indexTail(components, { file, start: end })
  if (good === file.size) return
  log.warn({ pack: file.id, bytes: file.size - good }, 'cut the torn tail of a pack')
  await file.truncate(good)
  file.size = good
}

/** Indexes right entries from `start` on; returns the end of the last one. */
async function indexTail(
  components: Components,
  { file, start }: { file: PackFile; start: number },
): Promise<number> {
  let good = start
  for await (const batch of scanPack(file, { start, end: file.size })) {
    const entries = await checkEntries(batch, batch.entries, components.frames)
    const right = batch.entries.filter((_, i) => entries[i])
    const last = right.at(-1)
    if (last === undefined) continue
    good = last.offset + entryBytes(last)
    components.index.insert(file.id, right, good)
  }
  return good
}

/** The file is shorter than what the index says: the disk lost it. Forgets the entries that are no longer whole, and cuts behind the others. */
async function forgetTail({ index, log }: Components, file: PackFile): Promise<void> {
  const lost: PackedEntry[] = []
  let good = PACK_HEAD.length
  for (const entry of entriesOf(index, file.id)) {
    const end = entry.offset + entryBytes(entry)
    if (end > file.size) lost.push(entry)
    else good = Math.max(good, end)
  }
  await file.truncate(good)
  file.size = good
  index.deleteEntries(file.id, lost)
  index.insert(file.id, [], good)
  log.error({ pack: file.id, blocks: lost.length }, 'a pack file is shorter than it was, and blocks are gone')
}

/** The index's entries of one pack. */
export function* entriesOf(index: PackIndex, pack: number): Generator<PackedEntry> {
  let after: Uint8Array = new Uint8Array()
  for (;;) {
    const page = index.entriesOf(pack, after, 1000)
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.digest
  }
}
