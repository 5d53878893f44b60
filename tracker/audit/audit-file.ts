import { type FileHandle, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { AUDIT_START, auditDigest, parseAuditLine } from '../../src/core/audit-line.ts'
import { StorageError } from '../../src/core/errors.ts'
import { AUDIT_LINE_BYTES_MAX } from '../../src/core/registry-limits.ts'

/** The file that is written to. */
export const AUDIT_FILE = 'audit.jsonl'
const ROTATED = /^audit-(\d{12})\.jsonl$/

/** Where a chain goes on. */
export interface AuditPlace {
  readonly seq: number
  readonly prev: string
}

/** Files of an audit log, oldest first, the one that is written to last. */
export async function auditFiles(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => ROTATED.test(name)).sort()
  return [...names, AUDIT_FILE].map((name) => join(dir, name))
}

/** The file that is written to, opened where its last whole line ends. */
export class AuditFile {
  readonly #handle: FileHandle
  #size: number

  private constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /**
   * Opens or makes the file. `place` is what follows its last line; undefined when it has none. `tornBytes`: of a line that was cut off
   * while it was written, and taken away now. Throws StorageError when its last whole line is none of an audit log.
   */
  static async open(
    dir: string,
  ): Promise<{ file: AuditFile; place: AuditPlace | undefined; tornBytes: number }> {
    const path = join(dir, AUDIT_FILE)
    const handle = await open(path, 'a+', 0o600)
    try {
      const { size } = await handle.stat()
      const tail = Buffer.alloc(Math.min(size, 2 * AUDIT_LINE_BYTES_MAX))
      await handle.read(tail, 0, tail.length, size - tail.length)
      const end = tail.lastIndexOf(0x0a) + 1
      const tornBytes = tail.length - end
      if (tornBytes > 0) await handle.truncate(size - tornBytes)
      const file = new AuditFile(handle, size - tornBytes)
      if (end === 0) return { file, place: undefined, tornBytes }
      const text = tail.subarray(tail.lastIndexOf(0x0a, end - 2) + 1, end - 1).toString()
      return { file, place: placeAfter(text, path), tornBytes }
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get size(): number {
    return this.#size
  }

  /** Appends whole lines, all or none. Throws what the disk says. */
  async append(text: string): Promise<void> {
    try {
      await this.#handle.appendFile(text)
      this.#size += Buffer.byteLength(text)
    } catch (error) {
      await this.#handle.truncate(this.#size).catch(() => {})
      throw error
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}

/** Gives the file a name of its own, after the number of its last line. Nothing happens where it is gone already. */
export async function rotateAuditFile(dir: string, lastSeq: number): Promise<void> {
  const name = `audit-${String(lastSeq).padStart(12, '0')}.jsonl`
  await rename(join(dir, AUDIT_FILE), join(dir, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** Where the chain of the newest of the rotated files goes on; the beginning where there are none. */
export async function placeAfterRotated(dir: string): Promise<AuditPlace> {
  const path = (await auditFiles(dir)).at(-2)
  if (path === undefined) return { seq: 0, prev: AUDIT_START }
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const tail = Buffer.alloc(Math.min(size, 2 * AUDIT_LINE_BYTES_MAX))
    await handle.read(tail, 0, tail.length, size - tail.length)
    const text = tail.toString().trimEnd()
    return placeAfter(text.slice(text.lastIndexOf('\n') + 1), path)
  } finally {
    await handle.close()
  }
}

function placeAfter(text: string, path: string): AuditPlace {
  const line = parseAuditLine(text)
  if (line !== undefined) return { seq: line.seq, prev: auditDigest(text) }
  throw new StorageError(
    `${path} does not end with a line of an audit log: look who wrote to it, then move it away, and a new log begins`,
  )
}
