import { type FileHandle, open } from 'node:fs/promises'
import {
  CACHED,
  type Extent,
  type ExtentContext,
  type ExtentRange,
  type NbdExport,
  type Piece,
} from '../../node/disk/nbd/export.ts'
import { IntegrityError } from '../../src/core/errors.ts'

/** A raw file as a disk: all of it is data, and all of it is local. */
export class FileDisk implements NbdExport {
  readonly name: string
  readonly description: string
  readonly size: number
  readonly #file: FileHandle

  private constructor(init: { name: string; path: string; size: number; file: FileHandle }) {
    this.name = init.name
    this.description = init.path
    this.size = init.size
    this.#file = init.file
  }

  static async open(init: { name: string; path: string }): Promise<FileDisk> {
    const file = await open(init.path)
    const { size } = await file.stat()
    return new FileDisk({ ...init, size, file })
  }

  async read(offset: number, length: number): Promise<readonly Piece[]> {
    const bytes = Buffer.allocUnsafe(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) throw new IntegrityError(`${this.description} has become shorter`)
      done += bytesRead
    }
    return [bytes]
  }

  extents(context: ExtentContext, { length }: ExtentRange): readonly Extent[] {
    return [{ length, flags: context === 'cached' ? CACHED.local : 0 }]
  }

  prefetch(): void {}

  async close(): Promise<void> {
    await this.#file.close()
  }
}
