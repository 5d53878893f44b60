import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConflictError } from '../core/errors.ts'
import type { ImageTarget } from './image-target.ts'
import type { OpenedPart } from './open-pieces.ts'
import { writeBlocks } from './positional-write.ts'
import { onTarget } from './target-errors.ts'

export interface FileTargetInit {
  readonly path: string
  /** Bytes of the image. */
  readonly size: number
  /** Permissions, where a file of this name is replaced. */
  readonly mode?: number
}

/**
 * A regular file, with holes for zero spans. It is called PATH.partial until it is complete and durable; then it replaces
 * what PATH named. Whatever was called PATH.partial before is removed. Errors: StorageFullError, StorageError.
 */
export async function openFileTarget(init: FileTargetInit): Promise<ImageTarget> {
  const partial = `${init.path}.partial`
  return await onTarget(partial, async () => {
    await rm(partial, { force: true })
    const handle = await open(partial, 'wx')
    const { ino, dev } = await handle.stat()
    const target = new FileTarget(handle, { ...init, partial, ino, dev })
    try {
      if (init.mode !== undefined) await handle.chmod(init.mode & 0o7777)
      await handle.truncate(init.size)
    } catch (error) {
      await target.abort()
      throw error
    }
    return target
  })
}

class FileTarget implements ImageTarget {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #partial: string
  readonly #inode: { readonly ino: number; readonly dev: number }

  constructor(handle: FileHandle, init: FileTargetInit & { partial: string; ino: number; dev: number }) {
    this.#handle = handle
    this.#path = init.path
    this.#partial = init.partial
    this.#inode = init
  }

  write(parts: readonly OpenedPart[]): Promise<void> {
    return onTarget(this.#partial, () => writeBlocks(this.#handle, parts))
  }

  async finish(): Promise<void> {
    await onTarget(this.#partial, async () => {
      await this.#handle.sync()
      if (!(await this.#isOurs())) throw new ConflictError(`somebody else writes ${this.#partial}`)
      await this.#handle.close()
      await rename(this.#partial, this.#path)
      await syncDirectory(dirname(this.#path))
    })
  }

  async abort(): Promise<void> {
    const ours = await this.#isOurs()
    await this.#handle.close().catch(() => {})
    if (ours) await rm(this.#partial, { force: true }).catch(() => {})
  }

  /** False when a second export to the same place has put its own file there. */
  async #isOurs(): Promise<boolean> {
    const named = await stat(this.#partial).catch(() => undefined)
    return named?.ino === this.#inode.ino && named.dev === this.#inode.dev
  }
}

/** Makes a rename durable. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
