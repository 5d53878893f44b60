import { chmod, constants, copyFile, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { MachineFile } from './machine-files.ts'
import { type Random, randomOf, seededRandom } from './random.ts'

/** Times of every file: fixed, and the access time ahead of now, so that reading a file does not change its inode. */
const MODIFIED = new Date('2026-01-01T00:00:00Z')
const ACCESSED = new Date('2037-01-01T00:00:00Z')

/** What an update did to the files of a tree. */
export interface TreeChange {
  readonly replaced: number
  readonly rebuilt: number
  readonly patched: number
  readonly added: number
  readonly removed: number
}

type Kind = 'replaced' | 'rebuilt' | 'patched' | 'removed' | 'kept'

/** Share of the groups of files ("packages") that an update touches, and what becomes of the files of those. */
const GROUPS_TOUCHED = 0.2
const FATES: readonly (readonly [Kind, number])[] = [
  ['replaced', 0.6],
  ['rebuilt', 0.12],
  ['patched', 0.03],
  ['removed', 0.1],
  ['kept', 0.15],
]
/** Files that come with an update, for each file that it touches. */
const ADDED_PER_TOUCHED = 0.1

/** Copies files into `dir`, below their own paths, until they add up to `bytes`. Returns those that were copied and the rest. */
export async function buildTree(
  dir: string,
  init: { files: readonly MachineFile[]; bytes: number },
): Promise<{ used: MachineFile[]; rest: MachineFile[]; bytes: number }> {
  const used: MachineFile[] = []
  const rest: MachineFile[] = []
  let bytes = 0
  for (const file of init.files) {
    const fits = bytes + file.size <= init.bytes
    if (!fits || bytes > init.bytes * 0.99 || !(await addFile(file.path, join(dir, file.path))))
      rest.push(file)
    else {
      used.push(file)
      bytes += file.size
    }
  }
  return { used, rest, bytes }
}

async function addFile(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch {
    await rm(to, { force: true })
    return false
  }
  await settle(to)
  return true
}

async function settle(path: string): Promise<void> {
  await chmod(path, 0o644)
  await utimes(path, ACCESSED, MODIFIED)
}

/**
 * Changes the tree as a package update would: some files get other content of the same kind (a later file of the
 * machine), some are rebuilt (bytes inserted, so that all that follows moves), a few have bytes patched in place, some go
 * and some come. Files that stand together change together, as those of a package do.
 */
export async function updateTree(
  dir: string,
  init: { used: readonly MachineFile[]; rest: readonly MachineFile[]; seed: number },
): Promise<TreeChange> {
  const change = { replaced: 0, rebuilt: 0, patched: 0, added: 0, removed: 0, kept: 0 }
  const random = seededRandom(init.seed)
  const pool = new FilePool(init.rest)
  for (const file of init.used) {
    if (randomOf(init.seed, groupOf(file.path)) >= GROUPS_TOUCHED) continue
    const target = join(dir, file.path)
    const kind = fateOf(randomOf(init.seed, file.path))
    change[kind]++
    if (kind === 'removed') await rm(target)
    else if (kind === 'replaced') await replaceFile(pool, file, target)
    else if (kind === 'rebuilt') await rewriteFile(target, (bytes) => insertBytes(bytes, random))
    else if (kind === 'patched') await rewriteFile(target, (bytes) => patchBytes(bytes, random))
    if (random() >= ADDED_PER_TOUCHED) continue
    const added = pool.take(file.size)
    if (added !== undefined && (await addFile(added.path, join(dir, added.path)))) change.added++
  }
  const { kept: _, ...done } = change
  return done
}

function groupOf(path: string): string {
  return join(dirname(path), basename(path).slice(0, 2))
}

function fateOf(value: number): Kind {
  let sum = 0
  for (const [kind, share] of FATES) {
    sum += share
    if (value < sum) return kind
  }
  return 'kept'
}

/** Files by size, so that a replacement is about as large as what it replaces. */
class FilePool {
  readonly #bySize = new Map<number, MachineFile[]>()

  constructor(files: readonly MachineFile[]) {
    for (const file of files) {
      const bucket = Math.ceil(Math.log2(file.size + 1))
      const alike = this.#bySize.get(bucket)
      if (alike === undefined) this.#bySize.set(bucket, [file])
      else alike.push(file)
    }
  }

  take(size: number): MachineFile | undefined {
    return this.#bySize.get(Math.ceil(Math.log2(size + 1)))?.pop()
  }
}

async function replaceFile(pool: FilePool, file: MachineFile, target: string): Promise<void> {
  const other = pool.take(file.size)
  if (other !== undefined && (await addFile(other.path, `${target}.new`)))
    await rename(`${target}.new`, target)
}

async function rewriteFile(path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(path, change(await readFile(path)))
  await settle(path)
}

function insertBytes(bytes: Buffer, random: Random): Buffer {
  const at = Math.floor(random() * bytes.length * 0.5)
  const line = Buffer.from(`version 2 build ${Math.floor(random() * 1e9)}\n`)
  return Buffer.concat([bytes.subarray(0, at), line, bytes.subarray(at)])
}

/** Eight bytes at three places: a build id, a date, a checksum. */
function patchBytes(bytes: Buffer, random: Random): Buffer {
  for (let i = 0; i < 3 && bytes.length > 8; i++) {
    const at = Math.floor(random() * (bytes.length - 8))
    bytes.writeDoubleLE(random(), at)
  }
  return bytes
}
