import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { InvalidError, NotFoundError, StorageError } from '../core/errors.ts'
import { deviceSize } from './device-size.ts'
import type { ImageSource } from './image-source.ts'
import { openFileSource } from './source-file.ts'
import { StreamSource } from './source-stream.ts'

export interface OpenSourceInit {
  /** What `-` reads; the standard input of the process by default. */
  stdin?: Readable
}

/**
 * Opens a regular file, a block device, or `-` for standard input. Errors: NotFoundError when there is no such file, InvalidError
 * when it is something else (a directory, a character device), StorageError.
 */
export async function openSource(path: string, init: OpenSourceInit = {}): Promise<ImageSource> {
  if (path === '-') return new StreamSource('-', init.stdin ?? process.stdin)
  const handle = await openForReading(path)
  try {
    const stat = await handle.stat({ bigint: true })
    if (stat.isFile()) return await openFileSource(handle, { path, size: Number(stat.size), stat })
    if (stat.isBlockDevice()) {
      return await openFileSource(handle, { path, size: await deviceSize(stat.rdev), stat })
    }
    if (stat.isFIFO()) return new StreamSource(path, handle.createReadStream())
    throw new InvalidError(`${path} is neither a file nor a block device`)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new NotFoundError(`there is no file ${path}`, { cause })
    throw new StorageError(`cannot open ${path}: ${code}`, { cause })
  }
}
