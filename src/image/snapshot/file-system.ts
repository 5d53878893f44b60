import { readFile, realpath, statfs } from 'node:fs/promises'
import { basename } from 'node:path'
import { StateError } from '../../core/errors.ts'
import { tool } from './tools.ts'

/** What a copy of a file system must be like. */
export interface FileSystemFacts {
  readonly type: string
  readonly label: string
  /** The whole of it, as the kernel tells. */
  readonly sizeBytes: number
  readonly usedBytes: number
  /** Where it begins on a disk with a DOS partition table, and that disk; undefined when it has a device of its own. */
  readonly partition: { readonly disk: string; readonly startBytes: number } | undefined
}

/** File systems that a copy can be made of. */
const TYPES: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'])
/** Longest label that the type's mkfs takes. */
const LABEL_CHARS_MAX: Readonly<Record<string, number>> = {
  ext2: 16,
  ext3: 16,
  ext4: 16,
  xfs: 12,
  btrfs: 255,
}

/** Looks at the file system mounted at `root`. Errors: StateError when it is of a type that no copy can be made of. */
export async function inspectFileSystem(root: string): Promise<FileSystemFacts> {
  const line = await tool(['findmnt', '--noheadings', '--output', 'SOURCE,FSTYPE', '--target', root])
  const [source = '', type = ''] = line.trim().split('\n').at(-1)?.trim().split(/\s+/) ?? []
  if (!TYPES.has(type)) {
    const known = [...TYPES].join(', ')
    throw new StateError(
      `${root} is of the type ${type || 'nobody knows what'}; a snapshot is of one of ${known}`,
    )
  }
  const { blocks, bfree, bsize } = await statfs(root)
  return {
    type,
    label: (await labelOf(source)).slice(0, LABEL_CHARS_MAX[type]),
    sizeBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    partition: await partitionOf(source),
  }
}

/** mkfs of the type, with the label, on a file that has its size already. */
export async function makeFileSystem(
  path: string,
  facts: FileSystemFacts,
  options: { signal?: AbortSignal | undefined },
): Promise<void> {
  const { type, label } = facts
  const force = type.startsWith('ext') ? '-F' : '-f'
  const named = label === '' ? [] : ['-L', label]
  await tool([`mkfs.${type}`, force, ...named, path], options)
}

async function labelOf(source: string): Promise<string> {
  // 2: it has none, or nobody can tell.
  const text = await tool(['blkid', '-o', 'value', '-s', 'LABEL', source], { also: [2] })
  return text.trim()
}

/** From sysfs: /sys/class/block/PART/start, in sectors of 512 bytes whatever the disk has. */
async function partitionOf(source: string): Promise<FileSystemFacts['partition']> {
  if (!source.startsWith('/dev/')) return undefined
  const name = basename(await realpath(source).catch(() => source))
  const start = await readFile(`/sys/class/block/${name}/start`, 'utf8').catch(() => undefined)
  if (start === undefined) return undefined
  const disk = `/dev/${basename(await realpath(`/sys/class/block/${name}/..`))}`
  const table = await tool(['blkid', '-o', 'value', '-s', 'PTTYPE', disk], { also: [2] })
  return table.trim() === 'dos' ? { disk, startBytes: Number(start) * 512 } : undefined
}
