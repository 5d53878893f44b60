import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError, InvalidError, LimitError } from '../../src/core/errors.ts'
import { UPLOAD_BODY_IDLE_MS } from '../../src/core/registry-limits.ts'
import { continueBody } from './continue.ts'

/** Type of bodies that the routes read by themselves. */
export const OCTETS = 'application/octet-stream'

/**
 * The body in pieces. Who stops reading leaves the rest to Node.js, which reads and drops it: closing the connection
 * instead would often take the answer with it. Only a client that sends nothing for `idleMs` while it is
 * waited for loses its connection. Throws InvalidError when the body is of another type, AbortedError when the client
 * has gone.
 */
export function bodyOf(
  components: { clock: Clock },
  request: Pick<FastifyRequest, 'body' | 'raw'>,
  { idleMs = UPLOAD_BODY_IDLE_MS }: { idleMs?: number } = {},
): AsyncIterable<Uint8Array> {
  const { body, raw } = request
  if (!(body instanceof Readable)) throw new InvalidError(`the body must be of type ${OCTETS}`)
  continueBody(raw)
  return watched(body, { clock: components.clock, idleMs, onIdle: () => raw.socket.destroy() })
}

async function* watched(
  body: Readable,
  init: { clock: Clock; idleMs: number; onIdle: () => void },
): AsyncGenerator<Uint8Array> {
  const pieces = body.iterator({ destroyOnReturn: false })
  try {
    for (;;) {
      const cancel = init.clock.after(init.idleMs, init.onIdle)
      const next = await pieces.next().catch(gone).finally(cancel)
      if (next.done === true) return
      yield next.value as Uint8Array
    }
  } finally {
    await pieces.return?.()
    // Node.js drops the rest by itself only of a body that nobody has begun to read.
    if (!body.destroyed) body.on('error', () => {}).resume()
  }
}

function gone(cause: unknown): never {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause
  throw new AbortedError('the client has gone', { cause })
}

/** All of a body. Throws LimitError when it has more than `bytesMax`. */
export async function readBody(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > bytesMax)
      throw new LimitError(`the body has more than ${bytesMax} bytes`, { data: { limitBytes: bytesMax } })
    pieces.push(piece)
  }
  return Buffer.concat(pieces, size)
}
