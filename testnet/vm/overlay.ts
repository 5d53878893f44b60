import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { StateError } from '../../src/core/errors.ts'

const run = promisify(execFile)
/** How long QEMU keeps trying when the server of its disk goes away, and how long at its start. */
const RECONNECT_SECONDS = 60
const OPEN_SECONDS = 30

/** What a guest's disk is read from: a raw file, a disk that an NBD server offers at a unix socket, or a qcow2 overlay that somebody else has made. */
export type GuestDrive =
  | { readonly kind: 'raw'; readonly path: string }
  | { readonly kind: 'nbd'; readonly socket: string; readonly name: string }
  | { readonly kind: 'overlay'; readonly path: string }

/** A qcow2 file at `target` that takes what the guest writes. Errors: StateError with what qemu-img says. */
export async function makeOverlay(drive: GuestDrive, target: string): Promise<string> {
  if (drive.kind === 'overlay') return drive.path
  const backing =
    drive.kind === 'raw'
      ? { driver: 'raw', file: { driver: 'file', filename: drive.path } }
      : {
          driver: 'raw',
          file: {
            ...{ driver: 'nbd', server: { type: 'unix', path: drive.socket }, export: drive.name },
            ...{ 'reconnect-delay': RECONNECT_SECONDS, 'open-timeout': OPEN_SECONDS },
          },
        }
  const args = ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', `json:${JSON.stringify(backing)}`, target]
  try {
    await run('qemu-img', args)
  } catch (cause) {
    const said = String((cause as { stderr?: unknown }).stderr ?? '').trim()
    throw new StateError(`qemu-img could not make ${target}: ${said}`, { cause })
  }
  return target
}
