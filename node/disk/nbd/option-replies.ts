import {
  NBD_BLOCK_BYTES_PREFERRED,
  NBD_REQUEST_BYTES_MAX,
  NBD_STRING_BYTES_MAX,
} from '../../../src/core/disk-limits.ts'
import type { NbdExport } from './export.ts'
import {
  EXPORT_FLAG,
  GREETING_MAGIC,
  HANDSHAKE_FLAG,
  INFO,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
} from './wire.ts'

const PADDING_BYTES = 124

/** What a server says first. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(18)
  bytes.writeBigUInt64BE(GREETING_MAGIC, 0)
  bytes.writeBigUInt64BE(OPTION_MAGIC, 8)
  bytes.writeUInt16BE(HANDSHAKE_FLAG.fixedNewstyle | HANDSHAKE_FLAG.noZeroes, 16)
  return bytes
}

export function optionReply(option: number, type: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(20 + data.length)
  bytes.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0)
  bytes.writeUInt32BE(option, 8)
  bytes.writeUInt32BE(type, 12)
  bytes.writeUInt32BE(data.length, 16)
  bytes.set(data, 20)
  return bytes
}

/** What LIST says of one export. */
export function serverData(disk: NbdExport): Buffer {
  const name = Buffer.from(disk.name)
  return Buffer.concat([u32(name.length), name, shortText(disk.description)])
}

export function metaContextData(init: { id: number; name: string }): Buffer {
  return Buffer.concat([u32(init.id), Buffer.from(init.name)])
}

/** Information about an export of one kind; undefined for kinds that we do not know. */
export function infoData(disk: NbdExport, kind: number, init: { structured: boolean }): Buffer | undefined {
  if (kind === INFO.export) return Buffer.concat([u16(kind), exportData(disk, init)])
  if (kind === INFO.name) return Buffer.concat([u16(kind), Buffer.from(disk.name)])
  if (kind === INFO.description) return Buffer.concat([u16(kind), shortText(disk.description)])
  if (kind !== INFO.blockSize) return undefined
  return Buffer.concat([u16(kind), u32(1), u32(NBD_BLOCK_BYTES_PREFERRED), u32(NBD_REQUEST_BYTES_MAX)])
}

/** The answer to EXPORT_NAME, which has no header. */
export function oldExportReply(disk: NbdExport, init: { structured: boolean; noZeroes: boolean }): Buffer {
  return Buffer.concat([exportData(disk, init), Buffer.alloc(init.noZeroes ? 0 : PADDING_BYTES)])
}

/** A text of at most 4,096 bytes, cut between characters. */
export function shortText(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('\0', ' '))
  let end = Math.min(bytes.length, NBD_STRING_BYTES_MAX)
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

/** Size and flags. Requests without fragments exist only with structured replies. */
function exportData(disk: NbdExport, { structured }: { structured: boolean }): Buffer {
  const { hasFlags, readOnly, canMultiConn, sendCache, sendDf } = EXPORT_FLAG
  const bytes = Buffer.alloc(10)
  bytes.writeBigUInt64BE(BigInt(disk.size), 0)
  bytes.writeUInt16BE(hasFlags | readOnly | canMultiConn | sendCache | (structured ? sendDf : 0), 8)
  return bytes
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
