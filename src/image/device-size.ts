import { readFile } from 'node:fs/promises'
import { StorageError } from '../core/errors.ts'

/** Bytes of a block device: the kernel gives its size in sectors of 512 bytes whatever the device's own are. Throws StorageError. */
export async function deviceSize(rdev: bigint): Promise<number> {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)
  const path = `/sys/dev/block/${major}:${minor}/size`
  try {
    return Number(await readFile(path, 'latin1')) * 512
  } catch (cause) {
    throw new StorageError(`cannot read the size of the device: ${path}`, { cause })
  }
}
