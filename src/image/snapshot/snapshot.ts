import { mkdir, open, rm, rmdir, stat, statfs, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NotAuthorisedError, StateError, StorageFullError } from '../../core/errors.ts'
import { type FileSystemFacts, inspectFileSystem, makeFileSystem } from './file-system.ts'
import { tool } from './tools.ts'

/** What no copy of a running system should have. A pattern that ends in `/*` keeps the directory, empty. */
export const SNAPSHOT_EXCLUDES = ['/dev/*', '/mnt/*', '/proc/*', '/root/.ssh', '/sys/*', '/tmp/*'] as const

/** Where the running system keeps what is said of it, for whoever boots the copy. */
export const METADATA_FILE = '.image.metadata'

/** Room for what the file system needs itself, beside the files. */
const OVERHEAD = 1.05
const LARGEST_START_BYTES = 16 * 1024 * 1024

export interface SnapshotInit {
  /** Mount point of the file system that is copied, usually `/`. */
  readonly root: string
  /** The image file; one of an earlier snapshot is brought up to date. */
  readonly file: string
  /** Further patterns as rsync takes them. */
  readonly excludes: readonly string[]
  /** Written to `/.image.metadata` before it is copied, as `key: value` lines. */
  readonly metadata: Readonly<Record<string, string>>
  /** Begin anew, whatever is in `file`. */
  readonly clean: boolean
}

export interface SnapshotOptions {
  readonly signal?: AbortSignal
  /** Told what begins. */
  readonly onStep?: (step: string) => void
}

/**
 * Copies a running file system into an image of the same type, size and label, hard links, ACLs and extended attributes
 * included. Needs root, rsync and mkfs. On a disk with a DOS partition table the image begins with what stands before
 * the partition, so that it boots as the disk does. Whatever happens, the image is unmounted.
 * Errors: NotAuthorisedError without root, StateError while another snapshot is made or a program fails, StorageFullError.
 */
export async function takeSnapshot(
  init: SnapshotInit,
  options: SnapshotOptions = {},
): Promise<FileSystemFacts> {
  if (process.getuid?.() !== 0)
    throw new NotAuthorisedError('a snapshot of a running system needs root: use sudo')
  const { root, file } = init
  const { onStep = () => {} } = options
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  return await exclusively(file, async () => {
    onStep(`looking at ${root}`)
    const facts = await inspectFileSystem(root)
    if (init.clean) await rm(file, { force: true })
    await checkRoom(file, facts)
    await writeMetadata(root, init.metadata)
    if (await isReusable(file, facts)) onStep('bringing the earlier snapshot up to date')
    else {
      onStep(`making a file system of the type ${facts.type}`)
      await prepare(file, facts, options)
    }
    onStep('copying')
    await mounted(file, facts, (at) => copy(at, init, options))
    return facts
  })
}

/** Runs `task` while no other snapshot into the same file runs. */
async function exclusively<T>(file: string, task: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  try {
    await writeFile(lock, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new StateError(`another snapshot into ${file} is being made; if none is, remove ${lock}`, { cause })
  }
  try {
    return await task()
  } finally {
    await rm(lock, { force: true })
  }
}

async function checkRoom(file: string, { usedBytes }: FileSystemFacts): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(file))
  const here = await stat(file).catch(() => undefined)
  const freeBytes = bavail * bsize + (here?.blocks ?? 0) * 512
  const neededBytes = Math.ceil(usedBytes * OVERHEAD)
  if (freeBytes >= neededBytes) return
  throw new StorageFullError(
    `the snapshot takes ${neededBytes} bytes, and ${dirname(file)} has ${freeBytes}`,
    {
      data: { neededBytes, freeBytes },
    },
  )
}

async function writeMetadata(root: string, metadata: SnapshotInit['metadata']): Promise<void> {
  const line = ([key, value]: [string, string]) => `${key}: ${value.replace(/[\r\n]+/g, ' ')}\n`
  await writeFile(join(root, METADATA_FILE), Object.entries(metadata).map(line).join(''))
}

const imageBytes = ({ partition, sizeBytes }: FileSystemFacts) => (partition?.startBytes ?? 0) + sizeBytes

/** Same size, type and label: what is in it need not be copied again. */
async function isReusable(file: string, facts: FileSystemFacts): Promise<boolean> {
  const here = await stat(file).catch(() => undefined)
  if (here?.size !== imageBytes(facts)) return false
  const offset = facts.partition?.startBytes ?? 0
  const probe = (tag: string) =>
    tool(['blkid', '-p', '-O', `${offset}`, '-o', 'value', '-s', tag, file], { also: [2] })
  return (await probe('TYPE')).trim() === facts.type && (await probe('LABEL')).trim() === facts.label
}

async function prepare(file: string, facts: FileSystemFacts, options: SnapshotOptions): Promise<void> {
  const { partition, sizeBytes } = facts
  await rm(file, { force: true })
  await writeFile(file, '', { mode: 0o600 })
  if (partition === undefined) {
    await truncate(file, sizeBytes)
    return await makeFileSystem(file, facts, options)
  }
  // mkfs has no offset that all types share: made beside, then copied behind the boot sectors (holes stay holes).
  const beside = `${file}.fs`
  try {
    await writeFile(beside, '', { mode: 0o600 })
    await truncate(beside, sizeBytes)
    await makeFileSystem(beside, facts, options)
    await copyStart(partition, file)
    await truncate(file, imageBytes(facts))
    const places = ['oflag=seek_bytes', `seek=${partition.startBytes}`, 'bs=1M', 'conv=sparse,notrunc']
    await tool(['dd', `if=${beside}`, `of=${file}`, ...places], options)
  } finally {
    await rm(beside, { force: true })
  }
}

/** Master boot record, partition table and what a boot loader keeps behind them. */
async function copyStart(partition: { disk: string; startBytes: number }, file: string): Promise<void> {
  const { disk, startBytes } = partition
  if (startBytes > LARGEST_START_BYTES)
    throw new StateError(
      `the partition begins ${startBytes} bytes into ${disk}: other partitions stand before it`,
    )
  const from = await open(disk, 'r')
  try {
    const { buffer } = await from.read(Buffer.alloc(startBytes), 0, startBytes, 0)
    await writeFile(file, buffer)
  } finally {
    await from.close()
  }
}

async function mounted(
  file: string,
  { partition }: FileSystemFacts,
  task: (at: string) => Promise<void>,
): Promise<void> {
  const at = `${file}.mnt`
  await mkdir(at, { recursive: true, mode: 0o700 })
  try {
    await tool(['mount', '-o', `loop,offset=${partition?.startBytes ?? 0}`, file, at])
    try {
      await task(at)
    } finally {
      await tool(['umount', at])
    }
  } finally {
    // Never with what is in it: that would be the copy, if it could not be unmounted.
    await rmdir(at)
  }
}

async function copy(at: string, init: SnapshotInit, { signal }: SnapshotOptions): Promise<void> {
  const { root, file, excludes } = init
  const own = [file, `${file}.*`].map((path) => patternIn(root, path)).filter((path) => path !== undefined)
  const patterns = [...own, ...SNAPSHOT_EXCLUDES, ...excludes].map((pattern) => `--exclude=${pattern}`)
  const kept = ['-aHAX', '--numeric-ids', '--sparse', '--delete', '--delete-excluded']
  // 24: files went away while they were copied, as they do in a running system.
  await tool(['rsync', ...kept, ...patterns, `${root.replace(/\/*$/, '')}/`, `${at}/`], {
    signal,
    also: [24],
  })
}

/** A path as a pattern within `root`; undefined for one elsewhere. */
function patternIn(root: string, path: string): string | undefined {
  const base = root.replace(/\/*$/, '')
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}
