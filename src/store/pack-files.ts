import { open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { InternalError } from '../core/errors.ts'
import { PACK_HEAD } from './pack-entry.ts'
import { type Datasync, PackFile, type Writev } from './pack-file.ts'

/** Pack files kept open: 16 GiB of packs; more of them cost an open() now and then, and fewer descriptors. */
export const OPEN_FILES_MAX = 64

const NAME = /^([0-9]{8})\.pack$/

/** Instead of those of node:fs, for tests of failing disks. */
export interface DiskCalls {
  readonly writev?: Writev | undefined
  readonly datasync?: Datasync | undefined
}

/** The pack files of a store, by number. Throws what node:fs throws. */
export class PackFiles {
  readonly #dir: string
  readonly #calls: DiskCalls
  readonly #files = new Map<number, PackFile>()
  readonly #open = new Set<PackFile>()
  #uses = 0
  /** No number is used twice in one run: a pack may still be on its way out when the next is made. */
  #lastId = 0

  private constructor(dir: string, calls: DiskCalls) {
    this.#dir = dir
    this.#calls = calls
  }

  static async load({ dir, ...calls }: { dir: string } & DiskCalls): Promise<PackFiles> {
    const files = new PackFiles(dir, calls)
    for (const name of await readdir(dir)) {
      const match = NAME.exec(name)
      if (match !== null) files.#add(Number(match[1]), (await stat(join(dir, name))).size)
    }
    return files
  }

  /** In the order of their numbers. */
  all(): PackFile[] {
    return [...this.#files.values()].sort((a, b) => a.id - b.id)
  }

  has(id: number): boolean {
    return this.#files.has(id)
  }

  get(id: number): PackFile {
    const file = this.#files.get(id)
    if (file === undefined) throw new InternalError(`the index names pack ${id}, which does not exist`)
    file.usedAt = ++this.#uses
    return file
  }

  /** A new pack with its head, durable as a directory entry. */
  async create(): Promise<PackFile> {
    const id = ++this.#lastId
    const path = this.#path(id)
    const handle = await open(path, 'wx')
    try {
      await handle.writev([PACK_HEAD], 0)
    } catch (error) {
      await unlink(path)
      throw error
    } finally {
      await handle.close()
    }
    await syncDirectory(this.#dir)
    return this.#add(id, PACK_HEAD.length)
  }

  /** Removes a pack when its last reader is done. */
  async remove(file: PackFile): Promise<void> {
    this.#files.delete(file.id)
    await file.free()
    await file.close()
    await unlink(file.path)
  }

  /** After every use: closes the files that were not used for longest, as far as nobody holds them. */
  async trim(): Promise<void> {
    const surplus = this.#open.size - OPEN_FILES_MAX
    if (surplus <= 0) return
    const idle = [...this.#open].filter((file) => file.isFree).sort((a, b) => a.usedAt - b.usedAt)
    await Promise.all(idle.slice(0, surplus).map((file) => file.close()))
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) {
      await file.free()
      await file.close()
    }
  }

  #path(id: number): string {
    return join(this.#dir, `${String(id).padStart(8, '0')}.pack`)
  }

  #add(id: number, size: number): PackFile {
    const file = new PackFile({ id, path: this.#path(id), size, ...this.#calls, open: this.#open })
    this.#files.set(id, file)
    this.#lastId = Math.max(this.#lastId, id)
    return file
  }
}

/** Makes new and removed names in a directory survive power loss. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
