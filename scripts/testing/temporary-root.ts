import { statfs } from 'node:fs/promises'
import { freemem, tmpdir } from 'node:os'

/** A file system in memory, where Linux has one. */
const MEMORY_DIR = '/dev/shm'
/** `f_type` of statfs(2) for tmpfs. */
const TMPFS = 0x01021994
/** Room in it, and memory that is free: ten times what two test files use. */
const ROOM_BYTES = 4 * 1024 ** 3

/** What the system says of its memory; bytes. */
export interface MemoryFacts {
  statfs(path: string): Promise<{ type: number; bavail: number; bsize: number }>
  freemem(): number
}

/**
 * Where the temporary folder of a test file is made. That of unit tests lies in memory where there is room: they make and remove some
 * hundred databases, which have to wait for the disk with every change, while no test cuts the power. Integration tests work on a
 * disk, as operators do. A TMPDIR that was given is kept to.
 */
export async function temporaryRoot(
  path: string,
  env: NodeJS.ProcessEnv = process.env,
  system: MemoryFacts = { statfs, freemem },
): Promise<string> {
  if (env['TMPDIR'] !== undefined || path.startsWith('test/integration/')) return tmpdir()
  const stats = await system.statfs(MEMORY_DIR).catch(() => undefined)
  if (stats === undefined || stats.type !== TMPFS) return tmpdir()
  const room = Math.min(stats.bavail * stats.bsize, system.freemem())
  return room >= ROOM_BYTES ? MEMORY_DIR : tmpdir()
}
