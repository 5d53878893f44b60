import { mkdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { NotFoundError, StateError } from '../../src/core/errors.ts'
import { type Log, silentLog } from '../../src/core/log.ts'
import { changedCopy } from './changed-copy.ts'
import { checkE2fsprogs, makeExt4 } from './ext4.ts'
import { MACHINE_ROOTS, machineFiles } from './machine-files.ts'
import { type PageCount, PageSet } from './pages.ts'
import { buildTree, updateTree } from './tree.ts'

const MiB = 1024 * 1024
/** Share of an image that files fill; the rest is holes, as in a real disk. */
const CONTENT_SHARE = 0.4
/** Share of the machine's files that the first image takes at most; the second needs others. */
const USED_SHARE_MAX = 0.8

export interface BuiltImage {
  readonly path: string
  readonly sizeBytes: number
  /** Of the second image: `newBytes` are its pages that the first has not. */
  readonly pages: PageCount
}

export interface ImagePair {
  readonly first: BuiltImage
  readonly second: BuiltImage
  /** What made the second out of the first, for people. */
  readonly change: string
}

export interface ImagesInit {
  /** Where the images go; made if missing. */
  readonly dir: string
  /** Size of each image; files of the machine fill 40 % of it. */
  readonly sizeBytes: number
  readonly seed: number
  /** An image of the user's own instead, any format; it is only read. */
  readonly image?: string
  readonly roots?: readonly string[]
  readonly log?: Log
}

export const IMAGE_SIZE_BYTES_DEFAULT = 512 * MiB
export const IMAGE_SIZE_BYTES_MIN = 16 * MiB

/**
 * Two versions of a disk image. Built as ext4 from files of this machine with `mke2fs -d`, or from the user's own image.
 * Errors: UsageError when e2fsprogs is missing, NotFoundError when there is no such image, StateError when the machine has too few files.
 */
export async function makeImagePair(init: ImagesInit): Promise<ImagePair> {
  await mkdir(init.dir, { recursive: true })
  const { paths, change } =
    init.image === undefined ? await buildPair(init) : await copyPair(init, init.image)
  const pages = new PageSet()
  const [first, second] = paths
  return {
    first: { path: first, sizeBytes: (await stat(first)).size, pages: await pages.addFile(first) },
    second: { path: second, sizeBytes: (await stat(second)).size, pages: await pages.addFile(second) },
    change,
  }
}

interface Pair {
  readonly paths: readonly [string, string]
  readonly change: string
}

async function buildPair(init: ImagesInit): Promise<Pair> {
  const { dir, seed, sizeBytes, log = silentLog } = init
  await checkE2fsprogs()
  const tree = join(dir, 'tree')
  const paths = [join(dir, 'first.ext4'), join(dir, 'second.ext4')] as const
  try {
    const files = await machineFiles(init.roots ?? MACHINE_ROOTS, { seed, bytesMax: sizeBytes * 2 })
    const available = files.reduce((sum, file) => sum + file.size, 0)
    const bytes = Math.min(sizeBytes * CONTENT_SHARE, available * USED_SHARE_MAX)
    const built = await buildTree(tree, { files, bytes })
    if (built.bytes < sizeBytes * CONTENT_SHARE * 0.5) {
      throw new StateError(
        `this machine has only ${Math.round(built.bytes / MiB)} MiB of files for an image: give one with --image FILE`,
      )
    }
    log.info({ files: built.used.length, bytes: built.bytes }, 'files for the first image copied')
    await makeExt4({ tree, target: paths[0], sizeBytes })
    const done = await updateTree(tree, { ...built, seed })
    log.info({ ...done }, 'files changed as by a package update')
    await makeExt4({ tree, target: paths[1], sizeBytes })
    const { replaced, rebuilt, patched, added, removed } = done
    const change = `files: ${replaced} replaced, ${rebuilt} rebuilt, ${patched} patched, ${added} added, ${removed} removed`
    return { paths, change }
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

async function copyPair(init: ImagesInit, image: string): Promise<Pair> {
  const source = resolve(image)
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    throw new NotFoundError(`there is no image ${source}`, { cause })
  })
  if (!found.isFile()) throw new NotFoundError(`${source} is not a regular file`)
  const target = join(init.dir, 'second.img')
  const { changedBytes } = await changedCopy({ source, target, seed: init.seed })
  const change = `${Math.round(changedBytes / MiB)} MiB of a copy overwritten, in page-aligned extents of 4 to 512 KiB`
  return { paths: [source, target], change }
}
