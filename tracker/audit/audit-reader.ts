import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { type AuditFilter, type AuditLine, matchesAudit, parseAuditLine } from '../../src/core/audit-line.ts'
import { AUDIT_SCAN_BYTES_MAX } from '../../src/core/registry-limits.ts'
import { auditFiles } from './audit-file.ts'

const CHUNK_BYTES = 256 * 1024

export interface AuditPage {
  /** Lines with smaller numbers; all unless given. */
  readonly before?: number | undefined
  readonly limit: number
}

export interface AuditPageResult {
  /** Newest first. */
  readonly lines: readonly AuditLine[]
  /** `before` of the next page; null when there is nothing older. */
  readonly next: number | null
}

/** Reads an audit log from its end, in pieces of AUDIT_SCAN_BYTES_MAX. Lines that are none are left out: `tracker audit --verify` finds them. */
export async function readAudit(dir: string, filter: AuditFilter, page: AuditPage): Promise<AuditPageResult> {
  const lines: AuditLine[] = []
  let scanned = 0
  let last = page.before ?? Number.POSITIVE_INFINITY
  const paths = (await auditFiles(dir)).reverse()
  for (const [i, path] of paths.entries()) {
    if (lastNumberOf(paths[i + 1]) >= last - 1) continue
    for await (const { text, bytes } of linesBackwards(path)) {
      // Cheaper than reading the line, for the many that come before a page.
      if (!(Number(/^\{"seq":(\d{1,15}),/.exec(text)?.[1]) < last)) continue
      const line = parseAuditLine(text)
      if (line === undefined) continue
      // The next page begins before what was looked at, found or not.
      if (lines.length === page.limit || scanned > AUDIT_SCAN_BYTES_MAX) return { lines, next: last }
      last = line.seq
      scanned += bytes
      if (matchesAudit(line, filter)) lines.push(line)
    }
  }
  return { lines, next: null }
}

/** Number of the last line of a rotated file, from its name. */
function lastNumberOf(path: string | undefined): number {
  return Number(/-(\d{12})\.jsonl$/.exec(path ?? '')?.[1] ?? Number.NEGATIVE_INFINITY)
}

/** Whole lines of a file, last first; none of one that is not there. */
async function* linesBackwards(path: string): AsyncGenerator<{ text: string; bytes: number }> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    yield* linesOf(handle)
  } finally {
    await handle.close()
  }
}

async function* linesOf(handle: FileHandle): AsyncGenerator<{ text: string; bytes: number }> {
  let end = (await handle.stat()).size
  // Of the line that begins in an earlier chunk; what follows the last line feed of the file is no line yet.
  let rest: Buffer | undefined
  while (end > 0) {
    const start = Math.max(0, end - CHUNK_BYTES)
    const chunk = Buffer.alloc(end - start)
    await handle.read(chunk, 0, chunk.length, start)
    end = start
    const bytes: Buffer = rest === undefined ? chunk : Buffer.concat([chunk, rest])
    let lineEnd = rest === undefined ? bytes.lastIndexOf(0x0a) : bytes.length
    while (lineEnd > 0) {
      const lineStart = bytes.lastIndexOf(0x0a, lineEnd - 1) + 1
      if (lineStart === 0 && start > 0) break
      yield { text: bytes.subarray(lineStart, lineEnd).toString(), bytes: lineEnd - lineStart }
      lineEnd = lineStart - 1
    }
    rest = bytes.subarray(0, Math.max(0, lineEnd))
    await yieldToOthers()
  }
}
