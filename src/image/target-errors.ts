import { BootswarmError, StorageError, StorageFullError } from '../core/errors.ts'

/** No room: on the device, in the owner's quota, or in the largest file that this process may write. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Runs `task` on a file; its failures become StorageFullError or StorageError, our own errors stay what they are. */
export async function onTarget<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    if (cause instanceof BootswarmError || !(cause instanceof Error)) throw cause
    const { code = '' } = cause as NodeJS.ErrnoException
    if (FULL.has(code)) throw new StorageFullError(`no room left for ${path}`, { cause })
    throw new StorageError(`cannot write ${path}: ${cause.message}`, { cause })
  }
}
