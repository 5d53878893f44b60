import { access } from 'node:fs/promises'
import type { CallOptions } from '../core/blockstore.ts'
import { ConflictError, StateError } from '../core/errors.ts'
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
  await qemuImg(['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', backing, path], options)
  return { isNew: true }
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
  if (below === undefined)
    throw new ConflictError(`${path} exists and is no overlay of a disk`, {
      data: { advice: 'Give --overlay the path of a file that is not there yet.' },
    })
  if (below.export !== place.export)
    throw new ConflictError(`${path} is an overlay of ${below.export}, not of ${place.export}`, {
      data: { advice: 'An overlay fits one version of one image alone: give --overlay another path.' },
    })
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
