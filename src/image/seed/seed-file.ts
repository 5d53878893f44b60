import type { BigIntStats } from 'node:fs'
import { constants, type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, sep } from 'node:path'
import {
  BootswarmError,
  InvalidError,
  NotAuthorisedError,
  NotFoundError,
  StorageError,
} from '../../core/errors.ts'
import { deviceSize } from '../device-size.ts'

/** A seed that is open for reading. */
export interface OpenSeed {
  readonly handle: FileHandle
  readonly stat: BigIntStats
  readonly size: number
  /** Another one is another content. Of a block device it says its size alone: the kernel keeps no time of writing. */
  readonly identity: string
}

/**
 * Opens a regular file or block device inside one of `directories`, links followed before it is looked where it lies.
 * Errors: InvalidError for a path that is not absolute and for anything else than these, NotFoundError, NotAuthorisedError, StorageError.
 */
export async function openSeed(path: string, directories: readonly string[]): Promise<OpenSeed> {
  if (!isAbsolute(path) || path.includes('\0')) throw new InvalidError('the path of a seed is absolute')
  try {
    const real = await realpath(path)
    const kind = await lstat(real)
    if (!kind.isFile() && !kind.isBlockDevice())
      throw new InvalidError(`${path} is neither a file nor a block device`)
    await checkPlace({ path, real, device: kind.isBlockDevice() }, directories)
    return await opened(path, real)
  } catch (error) {
    throw error instanceof BootswarmError ? error : errorOf(path, error as NodeJS.ErrnoException)
  }
}

async function opened(path: string, real: string): Promise<OpenSeed> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  const handle = await open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    // A directory on the way may have become a link since.
    if ((await readlink(`/proc/self/fd/${handle.fd}`)) !== real)
      throw new NotAuthorisedError(`${path} was moved while it was opened`)
    const stat = await handle.stat({ bigint: true })
    if (stat.isBlockDevice()) {
      const size = await deviceSize(stat.rdev)
      return { handle, stat, size, identity: `device ${size}` }
    }
    if (!stat.isFile()) throw new InvalidError(`${path} is neither a file nor a block device`)
    const identity = `file ${stat.size} ${stat.mtimeNs} ${stat.ino}`
    return { handle, stat, size: Number(stat.size), identity }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Throws NotAuthorisedError unless the seed lies in one of the directories. */
async function checkPlace(
  { path, real, device }: { path: string; real: string; device: boolean },
  directories: readonly string[],
): Promise<void> {
  const named = await realpath(dirname(path))
  for (const directory of directories) {
    const allowed = await realpath(directory).catch(() => undefined)
    if (allowed === undefined) continue
    if (isIn(real, allowed)) return
    // A volume has its name in the directory of its group, as a link that only root can make: /dev/vg0/old is /dev/dm-3.
    if (device && isIn(allowed, '/dev') && !isIn(allowed, '/dev/shm') && isIn(`${named}/it`, allowed)) return
  }
  const help = `move it into ${directories.join(' or ')}, or add its directory to seed.directories of the node`
  throw new NotAuthorisedError(`the node takes no seed from ${dirname(real)}: ${help}`)
}

function isIn(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}

function errorOf(path: string, cause: NodeJS.ErrnoException): BootswarmError {
  const { code } = cause
  if (code === 'ENOENT' || code === 'ENOTDIR') return new NotFoundError(`there is no file ${path}`, { cause })
  if (code === 'EACCES' || code === 'EPERM')
    return new NotAuthorisedError(`the user of the node may not read ${path}`, { cause })
  return new StorageError(`cannot open ${path}: ${code}`, { cause })
}
