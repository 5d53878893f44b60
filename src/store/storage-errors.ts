import { BootswarmError, IntegrityError, StorageError, StorageFullError } from '../core/errors.ts'

/** No room: on the device, in the owner's quota, or in the largest file that this process may write. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** SQLITE_FULL, primary result code. */
const SQLITE_FULL = 13

/** The error that a failure of the disk or the index is reported as; our own errors stay what they are. */
export function storageError(cause: unknown, what: string): BootswarmError {
  if (cause instanceof BootswarmError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  if (isFull(cause)) return new StorageFullError(`${what}: the disk is full (${message})`, { cause })
  return new StorageError(`${what}: ${message}`, { cause })
}

/** The error that a read of blocks failed with: IntegrityError when the disk cannot read its sectors, which is damage that others can mend; else as `storageError`. */
export function readError(cause: unknown): BootswarmError {
  if (errnoOf(cause) === 'EIO') return new IntegrityError('the disk cannot read a block', { cause })
  return storageError(cause, 'blocks cannot be read')
}

function isFull(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  if (FULL.has(errnoOf(cause) ?? '')) return true
  return 'errcode' in cause && typeof cause.errcode === 'number' && (cause.errcode & 0xff) === SQLITE_FULL
}

/** `code` of a system error ('ENOENT'), undefined of anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return error.code
}

/** Runs `task` and reports its failures with `storageError`. */
export async function onDisk<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    throw storageError(cause, what)
  }
}
