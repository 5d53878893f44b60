import { connect } from 'node:net'
import {
  HANDSHAKE_FLAG,
  OPTION,
  OPTION_MAGIC,
  REQUEST_BYTES,
  REQUEST_MAGIC,
  SIMPLE_REPLY_MAGIC,
} from '../../node/disk/nbd/wire.ts'
import { ProtocolError, TimeoutError } from '../../src/core/errors.ts'

/** docs/specs/nbd.md: the handshake by the name of an export, the oldest and shortest, and simple replies. */
const GREETING_BYTES = 18
const EXPORT_BYTES = 10
const REPLY_BYTES = 16
const TIMEOUT_MS = 30_000

/** Reads the start of a disk at a unix socket, without starting a program. Errors: ProtocolError, TimeoutError, those of the system. */
export async function readStart(init: { socket: string; name: string; length: number }): Promise<Buffer> {
  const { name, length } = init
  const socket = connect({ path: init.socket })
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new TimeoutError('the disk does not answer')))
  const pieces: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const take = async (bytes: number): Promise<Buffer> => {
    while (rest.length < bytes) {
      const { done, value } = await pieces.next()
      if (done === true) throw new ProtocolError('the disk hung up')
      rest = Buffer.concat([rest, value])
    }
    const taken = rest.subarray(0, bytes)
    rest = rest.subarray(bytes)
    return taken
  }
  try {
    await take(GREETING_BYTES)
    socket.write(exportOption(name))
    await take(EXPORT_BYTES)
    socket.write(readRequest(length))
    const reply = await take(REPLY_BYTES)
    if (reply.readUInt32BE(0) !== SIMPLE_REPLY_MAGIC || reply.readUInt32BE(4) !== 0)
      throw new ProtocolError(`the disk answers with error ${reply.readUInt32BE(4)}`)
    return await take(length)
  } finally {
    socket.destroy()
  }
}

function exportOption(name: string): Buffer {
  const text = Buffer.from(name)
  const head = Buffer.alloc(20)
  head.writeUInt32BE(HANDSHAKE_FLAG.fixedNewstyle | HANDSHAKE_FLAG.noZeroes, 0)
  head.writeBigUInt64BE(OPTION_MAGIC, 4)
  head.writeUInt32BE(OPTION.exportName, 12)
  head.writeUInt32BE(text.length, 16)
  return Buffer.concat([head, text])
}

function readRequest(length: number): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeUInt32BE(REQUEST_MAGIC, 0)
  request.writeUInt32BE(length, 24)
  return request
}
