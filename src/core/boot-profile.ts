import { firstTwice } from './boot-edges.ts'
import { type DigestKey, digestKey, digestOf, type ManifestId, parseManifestId } from './cid.ts'
import {
  BOOT_BYTES_MAX,
  BOOT_READ_ALIGNMENT_BYTES,
  BOOT_READS_MAX,
  BOOT_RECORDING_MS,
} from './disk-limits.ts'
import { InvalidError, SignatureError } from './errors.ts'

/** `typ` header of the JWS of a boot profile. */
export const BOOT_PROFILE_TYPE = 'bootswarm-boot-profile+jwt'

/** Bytes of the virtual disk that a machine read for the first time, and when: milliseconds since its first read. */
export type BootRead = readonly [offset: number, length: number, ms: number]

/** What one machine read while it booted (docs/specs/boot-profile-v1.md, section 1). */
export interface BootRecording {
  readonly manifest: ManifestId
  /** In the order of time, aligned, no byte twice. */
  readonly reads: readonly BootRead[]
  /** How long was recorded. */
  readonly durationMs: number
}

/** What the tracker signs of a profile; the reads come beside it. */
export interface BootProfileStatement {
  readonly manifest: ManifestId
  /** Recordings that it was made of. */
  readonly recordings: number
  /** Number of reads. */
  readonly reads: number
  /** Bytes that they cover. */
  readonly bytes: number
  /** Hex sha-256 of the reads (`digestOfReads`). */
  readonly digest: DigestKey
  /** When the last recording came, in seconds since the epoch. */
  readonly updated: number
  /** Seconds since the epoch. */
  readonly iat: number
}

/** Bytes that reads cover. */
export function bytesOfReads(reads: readonly BootRead[]): number {
  return reads.reduce((sum, [, length]) => sum + length, 0)
}

/** What names a profile's reads: hex sha-256 of their JSON without spaces, an array of arrays of three integers. */
export function digestOfReads(reads: readonly BootRead[]): DigestKey {
  return digestKey(digestOf(Buffer.from(JSON.stringify(reads))))
}

/**
 * Throws InvalidError unless these are reads of a disk of `size` bytes as recordings and profiles have them: at least one, within the
 * bounds, in the order of time, aligned (the last one may end with the disk), no byte twice.
 */
export function checkReads(reads: readonly BootRead[], { size }: { readonly size: number }): void {
  if (reads.length === 0 || reads.length > BOOT_READS_MAX)
    throw new InvalidError(`a boot has 1 to ${BOOT_READS_MAX} reads, not ${reads.length}`)
  let before = 0
  for (const read of reads) {
    checkRead(read, size)
    if (read[2] < before) throw new InvalidError('the reads of a boot are not in the order of time')
    before = read[2]
  }
  const bytes = bytesOfReads(reads)
  if (bytes > BOOT_BYTES_MAX)
    throw new InvalidError(`the reads of a boot cover ${bytes} bytes, ${BOOT_BYTES_MAX} are allowed`)
  const page = firstTwice(reads)
  if (page !== undefined) throw new InvalidError(`the reads of a boot have page ${page} twice`)
}

function checkRead([offset, length, ms]: BootRead, size: number): void {
  if (!isCount(offset) || !isCount(length) || length === 0 || offset + length > size)
    throw new InvalidError('a read of a boot is not within the disk')
  const aligned = (at: number) => at % BOOT_READ_ALIGNMENT_BYTES === 0
  if (!aligned(offset) || !(aligned(length) || offset + length === size))
    throw new InvalidError(`a read of a boot is not aligned to ${BOOT_READ_ALIGNMENT_BYTES} bytes`)
  if (!isCount(ms) || ms > BOOT_RECORDING_MS)
    throw new InvalidError(`a read of a boot is not within ${BOOT_RECORDING_MS} ms`)
}

/** What a recording must be of. */
export interface RecordedImage {
  readonly manifest: ManifestId
  /** Bytes of the image. */
  readonly size: number
}

/** Throws InvalidError unless it is a recording of this image. */
export function checkRecording(recording: BootRecording, { manifest, size }: RecordedImage): void {
  if (recording.manifest !== manifest)
    throw new InvalidError(`the recording is of ${recording.manifest}, not of ${manifest}`)
  const { durationMs, reads } = recording
  if (!isCount(durationMs) || durationMs > BOOT_RECORDING_MS)
    throw new InvalidError(`a recording takes ${BOOT_RECORDING_MS} ms at most`)
  checkReads(reads, { size })
  const last = reads.at(-1)?.[2] ?? 0
  if (last > durationMs) throw new InvalidError('a recording has a read after its end')
}

/** Reads claims whose signature was verified. Throws InvalidError when a field is missing or malformed. */
export function parseBootProfile(claims: Readonly<Record<string, unknown>>): BootProfileStatement {
  const { manifest, recordings, reads, bytes, digest, updated, iat } = claims
  if (typeof manifest !== 'string') throw new InvalidError('boot profile lacks a manifest')
  parseManifestId(manifest)
  if (!isCount(recordings) || !isCount(reads) || !isCount(bytes) || !isCount(updated) || !isCount(iat))
    throw new InvalidError('boot profile has a bad number')
  if (recordings === 0 || reads > BOOT_READS_MAX || bytes > BOOT_BYTES_MAX)
    throw new InvalidError('boot profile has a number out of its range')
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
    throw new InvalidError('boot profile has a bad digest')
  return {
    manifest: manifest as ManifestId,
    ...{ recordings, reads, bytes, digest: digest as DigestKey, updated, iat },
  }
}

/** Throws SignatureError unless the statement is of this image and these reads, InvalidError where the reads cannot be of it. */
export function checkBootProfile(
  statement: BootProfileStatement,
  { manifest, size, reads }: RecordedImage & { readonly reads: readonly BootRead[] },
): void {
  if (statement.manifest !== manifest)
    throw new SignatureError(`the boot profile is of ${statement.manifest}, not of ${manifest}`)
  checkReads(reads, { size })
  if (statement.digest !== digestOfReads(reads))
    throw new SignatureError('the boot profile was signed for other reads')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
