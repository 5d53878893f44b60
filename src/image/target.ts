import { createWriteStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { InvalidError } from '../core/errors.ts'
import type { ImageTarget } from './image-target.ts'
import { openDeviceTarget } from './target-device.ts'
import { onTarget } from './target-errors.ts'
import { openFileTarget } from './target-file.ts'
import { StreamTarget } from './target-stream.ts'

export interface TargetInit {
  /** Path of a file (there or not), a block device, a pipe or character device, or `-` for standard output. */
  readonly path: string
  /** Bytes of the image. */
  readonly size: number
  /** What `-` writes to; the standard output of the process by default. */
  readonly stdout?: Writable
}

/** Opens what an image is exported to. Errors: InvalidError for a directory or socket, StorageFullError, StateError, StorageError. */
export async function openTarget({ path, size, stdout }: TargetInit): Promise<ImageTarget> {
  if (path === '-')
    return new StreamTarget(stdout ?? process.stdout, { name: 'standard output', keepOpen: true })
  const found = await onTarget(path, () => stat(path).catch(absent))
  if (found === undefined) return openFileTarget({ path, size })
  if (found.isFile()) return openFileTarget({ path: await realpath(path), size, mode: found.mode })
  if (found.isBlockDevice()) return openDeviceTarget({ path, size })
  if (found.isFIFO() || found.isCharacterDevice()) {
    return new StreamTarget(createWriteStream(path), { name: path, keepOpen: false })
  }
  throw new InvalidError(`${path} is neither a file nor a block device`)
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
