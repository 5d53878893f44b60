import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomOf } from './random.ts'

/** Directories whose files look like those of any VM's system disk. */
export const MACHINE_ROOTS = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib',
  '/usr/share',
  '/usr/local',
  '/opt',
] as const
/** Larger files would make single files dominate the image. */
const FILE_BYTES_MAX = 24 * 1024 * 1024
const FILES_SEEN_MAX = 300_000

export interface MachineFile {
  readonly path: string
  readonly size: number
}

/**
 * Regular files below `roots` in an order that depends on the seed alone, so that the first bytes of any amount are
 * a fair sample; files of one directory stay together, as in a package. What cannot be read is left out.
 */
export async function machineFiles(
  roots: readonly string[],
  init: { seed: number; bytesMax: number },
): Promise<MachineFile[]> {
  const { seed, bytesMax } = init
  const groups: { order: number; dir: string; names: string[] }[] = []
  let seen = 0
  const pending = [...roots]
  for (let dir = pending.pop(); dir !== undefined && seen < FILES_SEEN_MAX; dir = pending.pop()) {
    const entries = (await readEntries(dir)).sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) if (entry.isDirectory()) pending.push(join(dir, entry.name))
    const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
    seen += names.length
    for (const [part, some] of slices(names, 32).entries()) {
      groups.push({ order: randomOf(seed, `${dir}#${part}`), dir, names: some })
    }
  }
  groups.sort((a, b) => a.order - b.order)
  return sizesOf(
    groups.flatMap(({ dir, names }) => names.map((name) => join(dir, name))),
    bytesMax,
  )
}

function slices<T>(items: readonly T[], length: number): T[][] {
  const all: T[][] = []
  for (let at = 0; at < items.length; at += length) all.push(items.slice(at, at + length))
  return all
}

async function readEntries(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true })
  } catch {
    return []
  }
}

async function sizesOf(paths: readonly string[], bytesMax: number): Promise<MachineFile[]> {
  const files: MachineFile[] = []
  let total = 0
  for (const path of paths) {
    if (total > bytesMax) break
    try {
      const { size } = await lstat(path)
      if (size > FILE_BYTES_MAX) continue
      files.push({ path, size })
      total += size
    } catch {
      // gone or not ours to see
    }
  }
  return files
}
