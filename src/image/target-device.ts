import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StateError, StorageFullError } from '../core/errors.ts'
import { deviceSize } from './device-size.ts'
import type { ImageTarget } from './image-target.ts'
import type { OpenedPart } from './open-pieces.ts'
import { writeBlocks, writeZeros } from './positional-write.ts'
import { onTarget } from './target-errors.ts'

/**
 * A block device, which must be at least as large as the image; zeros are written. Errors: StorageFullError when it is too small,
 * StateError when it is mounted or in use otherwise, StorageError.
 */
export async function openDeviceTarget(init: { path: string; size: number }): Promise<ImageTarget> {
  const { path, size } = init
  return await onTarget(path, async () => {
    // On a block device O_EXCL refuses one that is mounted.
    const handle = await open(path, constants.O_RDWR | constants.O_EXCL).catch(
      (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'EBUSY') throw new StateError(`${path} is in use`, { cause })
        throw cause
      },
    )
    const room = await deviceSize((await handle.stat({ bigint: true })).rdev)
    if (room >= size) return new DeviceTarget(handle, path)
    await handle.close()
    throw new StorageFullError(`${path} is too small for the image`, {
      data: { bytes: size, roomBytes: room },
    })
  })
}

class DeviceTarget implements ImageTarget {
  readonly #handle: FileHandle
  readonly #path: string

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle
    this.#path = path
  }

  async write(parts: readonly OpenedPart[]): Promise<void> {
    await onTarget(this.#path, async () => {
      await writeBlocks(this.#handle, parts)
      for (const { offset, length, bytes } of parts) {
        if (bytes === undefined) await writeZeros(this.#handle, offset, length)
      }
    })
  }

  async finish(): Promise<void> {
    await onTarget(this.#path, async () => {
      await this.#handle.sync()
      await this.#handle.close()
    })
  }

  async abort(): Promise<void> {
    await this.#handle.close().catch(() => {})
  }
}
