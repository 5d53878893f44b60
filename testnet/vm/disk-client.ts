import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
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

interface Waiting {
  readonly length: number
  resolve(bytes: Buffer): void
  reject(error: Error): void
}

/** A client of an NBD server at a unix socket that reads, with as many reads under way as it is asked for. */
export class DiskClient {
  readonly #socket: Socket
  readonly #pieces: AsyncIterator<Buffer>
  readonly #waiting = new Map<bigint, Waiting>()
  #rest: Buffer = Buffer.alloc(0)
  #cookie = 0n
  #failure: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#pieces = socket[Symbol.asyncIterator]()
  }

  /** Errors: those of the system, ProtocolError, TimeoutError when the server says nothing for so long, now or later. */
  static async open(init: { socket: string; name: string; timeoutMs: number }): Promise<DiskClient> {
    const socket = connect({ path: init.socket })
    socket.setTimeout(init.timeoutMs, () => socket.destroy(new TimeoutError('the disk does not answer')))
    const client = new DiskClient(socket)
    try {
      await once(socket, 'connect')
      await client.#take(GREETING_BYTES)
      socket.write(exportOption(init.name))
      await client.#take(EXPORT_BYTES)
    } catch (error) {
      client.close()
      throw error
    }
    void client.#answers()
    return client
  }

  /** Errors: those of `open`; ProtocolError when the server answers with an error. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (this.#failure !== undefined) throw this.#failure
    const cookie = ++this.#cookie
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#waiting.set(cookie, { length, resolve, reject })
    this.#socket.write(readRequest({ cookie, offset, length }))
    return await promise
  }

  /** Reads that are under way fail. */
  close(): void {
    this.#socket.destroy()
  }

  /** Hands out answers until the connection ends. */
  async #answers(): Promise<void> {
    try {
      for (;;) {
        const reply = await this.#take(REPLY_BYTES)
        const cookie = reply.readBigUInt64BE(8)
        const waiting = this.#waiting.get(cookie)
        if (reply.readUInt32BE(0) !== SIMPLE_REPLY_MAGIC || waiting === undefined)
          throw new ProtocolError('the disk answers what nobody has asked')
        const error = reply.readUInt32BE(4)
        const bytes = error === 0 ? await this.#take(waiting.length) : undefined
        this.#waiting.delete(cookie)
        if (bytes === undefined) waiting.reject(new ProtocolError(`the disk answers with error ${error}`))
        else waiting.resolve(bytes)
      }
    } catch (error) {
      this.#failure = error as Error
      for (const { reject } of this.#waiting.values()) reject(this.#failure)
      this.#waiting.clear()
      this.#socket.destroy()
    }
  }

  /** The next bytes, which are nobody else's. */
  async #take(length: number): Promise<Buffer> {
    const taken: Buffer[] = []
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#pieces.next()
        if (done === true) throw new ProtocolError('the disk hung up')
        this.#rest = value
      }
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      taken.push(piece)
    }
    return Buffer.concat(taken, length)
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

function readRequest(init: { cookie: bigint; offset: number; length: number }): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES)
  request.writeUInt32BE(REQUEST_MAGIC, 0)
  request.writeBigUInt64BE(init.cookie, 8)
  request.writeBigUInt64BE(BigInt(init.offset), 16)
  request.writeUInt32BE(init.length, 24)
  return request
}
