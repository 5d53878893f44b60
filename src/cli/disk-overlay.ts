import { access, constants, copyFile, link, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CallOptions } from '../core/blockstore.ts'
import { type BootswarmError, ConflictError, StateError, UsageError } from '../core/errors.ts'
import { formatReference, type Reference } from '../core/reference.ts'
import { type DiskPlace, qemuFileName } from './disk-connection.ts'
import { qemuImg } from './qemu-img.ts'

/** A qcow2 file over the disk at `path`, new or the one that is there. Errors: ConflictError when something else is there, StateError when qemu-img fails. */
export async function makeOverlay(
  place: DiskPlace,
  path: string,
  options: CallOptions = {},
): Promise<{ isNew: boolean }> {
  const backing = qemuFileName(place)
  if (await exists(path)) {
    await checkOwn(place, path, options)
    return { isNew: false }
  }
  // Two at once make one overlay, and none of them has a part of the other's.
  const partial = `${path}.${process.pid}.partial`
  try {
    await qemuImg(['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', backing, partial], options)
    await nameOnce(partial, path)
    return { isNew: true }
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    await checkOwn(place, path, options)
    return { isNew: false }
  } finally {
    await rm(partial, { force: true })
  }
}

/** Throws EEXIST where something has the name. */
async function nameOnce(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path)
  } catch (error) {
    // Not every file system has more than one name for a file; a new overlay is some 200 KB.
    if (!NO_LINKS.has(codeOf(error))) throw error
    await copyFile(partial, path, constants.COPYFILE_EXCL)
  }
}

const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

/**
 * What can be known of an overlay before there is a disk: that qemu-img is here, and that a file can be made at `path`, or that the one there may be an overlay of this image.
 * Errors: StateError, ConflictError, UsageError.
 */
export async function checkOverlayPath(
  reference: Reference,
  path: string,
  options: CallOptions = {},
): Promise<void> {
  await qemuImg(['--version'], options)
  if (!(await exists(path))) {
    const directory = dirname(path)
    await access(directory, constants.W_OK).catch((cause: unknown) => {
      throw new UsageError(`no overlay can be made in ${directory} (${codeOf(cause)})`, { cause })
    })
    return
  }
  const below = await backingOf(path, options)
  if (below === undefined) throw noOverlay(path)
  const image = `${reference.namespace}/${reference.name}`
  const of = String(below.export)
  if (!of.startsWith(`${image}@`)) throw otherOverlay(path, { of, wanted: formatReference(reference) })
}

function noOverlay(path: string): BootswarmError {
  const advice = 'Give --overlay the path of a file that is not there yet.'
  return new ConflictError(`${path} exists and is no overlay of a disk`, { data: { advice } })
}

function otherOverlay(path: string, { of, wanted }: { of: string; wanted: string }): BootswarmError {
  const advice = 'An overlay fits one version of one image alone: give --overlay another path.'
  return new ConflictError(`${path} is an overlay of ${of}, not of ${wanted}`, { data: { advice } })
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

async function checkOwn(place: DiskPlace, path: string, options: CallOptions): Promise<void> {
  const below = await backingOf(path, options)
  if (below?.export === place.export && below.socket === place.socket) return
  if (below === undefined) throw noOverlay(path)
  if (below.export !== place.export)
    throw otherOverlay(path, { of: String(below.export), wanted: place.export })
  const advice = `Tell it so while no machine runs: qemu-img rebase -u -f qcow2 -F raw -b '${qemuFileName(place)}' ${path}`
  throw new ConflictError(`${path} expects the disk at ${below.socket}, not at ${place.socket}`, {
    data: { advice },
  })
}

/** The disk below a qcow2 file; undefined when it is none of ours, or no qcow2 file. */
async function backingOf(
  path: string,
  options: CallOptions,
): Promise<{ socket: unknown; export: unknown } | undefined> {
  const name = await qemuImg(['info', '-U', '-f', 'qcow2', '--output=json', path], options).then(
    (text) => (JSON.parse(text) as { 'backing-filename'?: string })['backing-filename'],
    (error: unknown) => {
      if (error instanceof StateError && /not in qcow2 format/i.test(error.message)) return undefined
      throw error
    },
  )
  if (name?.startsWith('json:') !== true) return undefined
  const { file } = JSON.parse(name.slice('json:'.length)) as {
    file?: { driver?: string; export?: string; server?: { path?: string } }
  }
  return file?.driver === 'nbd' ? { socket: file.server?.path, export: file.export } : undefined
}
