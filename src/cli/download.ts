import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { IntegrityError } from '../core/errors.ts'
import type { ImageRecord } from '../core/record.ts'
import type { Reference } from '../core/reference.ts'
import type { TrackerSession } from './connect.ts'
import { openProgress, type ProgressFlags } from './progress.ts'
import { fetchRecord } from './records.ts'
import type { Shell } from './shell.ts'

/** Runs of so many zero bytes become holes. */
const HOLE_BYTES = 64 * 1024
const ZEROS = Buffer.alloc(HOLE_BYTES)

export interface DownloadCall {
  readonly asked: Reference
  readonly path: string
  readonly flags: ProgressFlags
  readonly signal: AbortSignal
}

/**
 * Fetches an image from the tracker into a file, without a node. What came stands in `PATH.….part` until its digest is that of
 * the signed record; a broken download goes on there. Errors: those of the tracker, IntegrityError.
 */
export async function download(
  shell: Shell,
  session: TrackerSession,
  call: DownloadCall,
): Promise<ImageRecord> {
  const { asked, path, flags, signal } = call
  const { record } = await fetchRecord(session, asked, { signal, nowMs: shell.clock.now() })
  const part = `${path}.${record.manifest.slice(-12)}.part`
  const progress = openProgress(shell, flags)
  const file = await open(part, 'a+', 0o600).then(async (made) => {
    await made.close()
    return await open(part, 'r+')
  })
  try {
    const hash = createHash('sha256')
    const start = await hashed(part, hash)
    const range = start === 0 ? {} : { start }
    const { namespace, name, version } = record
    const pieces =
      start >= record.size ? [] : await session.client.raw({ namespace, name, version }, range, { signal })
    let at = start
    for await (const piece of pieces) {
      hash.update(piece)
      at = await put(file, piece, at)
      progress.update({ label: 'fetching', done: at, total: record.size })
    }
    await file.truncate(record.size)
    await file.sync()
    if (at !== record.size || (record.sha256 !== null && hash.digest('hex') !== record.sha256)) {
      await rm(part)
      throw new IntegrityError('what came is not the image that the tracker has signed; it was thrown away')
    }
  } finally {
    progress.end()
    await file.close()
  }
  await rename(part, path)
  return record
}

/** Puts what is there into the hash; returns how much it is. */
async function hashed(path: string, hash: Hash): Promise<number> {
  let size = 0
  for await (const piece of createReadStream(path)) {
    hash.update(piece as Buffer)
    size += (piece as Buffer).length
  }
  return size
}

/** Writes a piece at a position, long runs of zeros left out; returns the position after it. */
async function put(file: FileHandle, piece: Uint8Array, at: number): Promise<number> {
  for (let from = 0; from < piece.length; from += HOLE_BYTES) {
    const part = piece.subarray(from, from + HOLE_BYTES)
    if (!ZEROS.subarray(0, part.length).equals(part)) await file.write(part, 0, part.length, at + from)
  }
  return at + piece.length
}
