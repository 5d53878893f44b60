/** Numbers of the NBD protocol (NetworkBlockDevice/nbd, doc/proto.md, “Values”), as far as docs/specs/nbd.md speaks it. */

/** "NBDMAGIC" and "IHAVEOPT": how a server begins, and each option of a client. */
export const GREETING_MAGIC = 0x4e42444d41474943n
export const OPTION_MAGIC = 0x49484156454f5054n
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n
export const REQUEST_MAGIC = 0x25609513
export const SIMPLE_REPLY_MAGIC = 0x67446698
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef

export const CLIENT_FLAGS_BYTES = 4
export const OPTION_HEADER_BYTES = 16
export const REQUEST_BYTES = 28

/** Of both sides: fixed newstyle, and no padding after the answer to EXPORT_NAME. */
export const HANDSHAKE_FLAG = { fixedNewstyle: 1, noZeroes: 2 } as const

export const OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const

const ERROR_BIT = 2 ** 31

export const OPTION_REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: ERROR_BIT + 1,
  policy: ERROR_BIT + 2,
  invalid: ERROR_BIT + 3,
  tlsRequired: ERROR_BIT + 5,
  unknown: ERROR_BIT + 6,
  shutdown: ERROR_BIT + 7,
  tooBig: ERROR_BIT + 9,
} as const

export const INFO = { export: 0, name: 1, description: 2, blockSize: 3 } as const

/** What an export can do, told when its name has been chosen. */
export const EXPORT_FLAG = {
  hasFlags: 1,
  readOnly: 1 << 1,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
} as const

export const COMMAND = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const

export const COMMAND_FLAG = { df: 1 << 2, reqOne: 1 << 3 } as const

export const REPLY_FLAG_DONE = 1

export const REPLY_TYPE = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 2 ** 15 + 1,
} as const

/** Values of errno that the protocol knows. */
export const NBD_ERROR = { ok: 0, perm: 1, io: 5, inval: 22, overflow: 75, shutdown: 108 } as const
