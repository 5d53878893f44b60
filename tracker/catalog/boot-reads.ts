import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { type BootRead, checkReads } from '../../src/core/boot-profile.ts'
import { StorageError } from '../../src/core/errors.ts'
import { IMAGE_BYTES_MAX } from '../../src/core/limits.ts'
import { BOOT_RECORDING_BODY_BYTES_MAX } from '../../src/core/registry-limits.ts'

/** Reads as a column has them: their JSON, deflated; a thousand take some 7 KB. */
export function packReads(reads: readonly BootRead[]): Uint8Array {
  return deflateRawSync(JSON.stringify(reads), { level: constants.Z_BEST_SPEED })
}

/** Throws StorageError when a column has something else. */
export function unpackReads(bytes: Uint8Array): BootRead[] {
  try {
    const text = inflateRawSync(bytes, { maxOutputLength: BOOT_RECORDING_BODY_BYTES_MAX })
    const reads = JSON.parse(text.toString('utf8')) as BootRead[]
    // the size of the disk is not known here: the last of its reads may end it within a page
    const end = reads.reduce((most, [offset, length]) => Math.max(most, offset + length), 0)
    checkReads(reads, { size: Math.min(end, IMAGE_BYTES_MAX) })
    return reads
  } catch (cause) {
    throw new StorageError('the catalog has reads of a boot that cannot be read: drop the profile', { cause })
  }
}
