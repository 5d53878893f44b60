import { crc32 } from 'node:zlib'
import { DIGEST_BYTES, type Digest } from '../core/cid.ts'
import { CODEC_RAW, CODEC_ZSTD, type Codec, type Frame } from '../core/frame.ts'
import { NODE_BYTES_MAX } from '../core/limits.ts'

/**
 * A pack is its 16 byte head, then entries: header, stored bytes. The header is 52 bytes, integers big-endian:
 *
 *     0  magic 'bse1'      8  u32 length of the block     16  digest (32)
 *     4  u8 codec, 3 × 0  12  u32 length of stored bytes  48  u32 CRC-32 of bytes 0 to 47
 *
 * It says all that the index knows, so that the index can be rebuilt and a torn tail be told from an entry.
 */
export const PACK_HEAD = Buffer.from('bootswarm pack1\n', 'latin1')
export const ENTRY_HEADER_BYTES = 52
export const ENTRY_MAGIC = Buffer.from('bse1', 'latin1')

const CHECKED_BYTES = 48

/** What a header says. */
export interface EntryHeader {
  readonly digest: Digest
  readonly codec: Codec
  /** Bytes of the block, uncompressed. */
  readonly length: number
  /** Stored bytes behind the header. */
  readonly stored: number
}

/** An entry and the offset of its header in the pack. */
export interface PackedEntry extends EntryHeader {
  readonly offset: number
}

/** Where an entry is: what the index knows of a block beside its digest. */
export interface Location {
  readonly pack: number
  /** Offset of the entry's header. */
  readonly offset: number
  readonly codec: Codec
  readonly length: number
  readonly stored: number
}

/** Bytes that an entry takes in a pack. */
export const entryBytes = (entry: { readonly stored: number }) => ENTRY_HEADER_BYTES + entry.stored

export function writeHeader(into: Buffer, at: number, { digest, codec, length, bytes }: Frame): void {
  into.set(ENTRY_MAGIC, at)
  into.writeUInt32BE(codec * 0x100_0000, at + 4)
  into.writeUInt32BE(length, at + 8)
  into.writeUInt32BE(bytes.length, at + 12)
  into.set(digest, at + 16)
  into.writeUInt32BE(crc32(into.subarray(at, at + CHECKED_BYTES)), at + CHECKED_BYTES)
}

/** The header at `at`, or undefined when there is none. The digest is a copy. */
export function readHeader(from: Buffer, at: number): EntryHeader | undefined {
  if (at + ENTRY_HEADER_BYTES > from.length || !from.subarray(at, at + 4).equals(ENTRY_MAGIC))
    return undefined
  if (crc32(from.subarray(at, at + CHECKED_BYTES)) !== from.readUInt32BE(at + CHECKED_BYTES)) return undefined
  const codec = from.readUInt32BE(at + 4) / 0x100_0000
  const length = from.readUInt32BE(at + 8)
  const stored = from.readUInt32BE(at + 12)
  if (codec !== CODEC_RAW && codec !== CODEC_ZSTD) return undefined
  if (length < 1 || length > NODE_BYTES_MAX || stored < 1 || stored > length) return undefined
  return { digest: new Uint8Array(from.subarray(at + 16, at + 16 + DIGEST_BYTES)), codec, length, stored }
}

/** Whether the header at `at` is that of `entry`; quicker than reading it. */
export function isHeaderOf(entry: EntryHeader, from: Buffer, at: number): boolean {
  return (
    from.readUInt32BE(at + 4) === entry.codec * 0x100_0000 &&
    from.readUInt32BE(at + 8) === entry.length &&
    from.readUInt32BE(at + 12) === entry.stored &&
    Buffer.compare(from.subarray(at + 16, at + 16 + DIGEST_BYTES), entry.digest) === 0
  )
}

/** Whether `from` begins with a valid header, and it is that of `entry`. */
export function isEntryHeader(entry: EntryHeader, from: Buffer): boolean {
  return readHeader(from, 0) !== undefined && isHeaderOf(entry, from, 0)
}
