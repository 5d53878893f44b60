import type { ServerResponse } from 'node:http'
import type { Clock } from '../../src/core/clock.ts'
import { AbortedError } from '../../src/core/errors.ts'
import { RAW_WRITE_BYTES, RAW_WRITE_TIMEOUT_MS } from '../../src/core/registry-limits.ts'

export interface SendOptions {
  readonly clock: Clock
  /** Told of the bytes that were handed to the system. */
  readonly onSent: (bytes: number) => void
}

/**
 * Writes pieces one after the other, and asks for the next when nothing reads the one before any more. Errors: AbortedError when the client goes, or
 * takes less than RAW_WRITE_BYTES in RAW_WRITE_TIMEOUT_MS; what the pieces throw.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
  options: SendOptions,
): Promise<void> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += RAW_WRITE_BYTES) {
      const slice = piece.subarray(at, at + RAW_WRITE_BYTES)
      await write(response, slice, options)
      options.onSent(slice.length)
    }
  }
}

/** Resolves when nothing reads `slice` any more. */
function write(response: ServerResponse, slice: Uint8Array, { clock }: SendOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => {
      cancel()
      reject(new AbortedError('the client has gone, or reads too slowly'))
    }
    if (response.destroyed) return reject(new AbortedError('the client has gone'))
    const cancel = clock.after(RAW_WRITE_TIMEOUT_MS, () => response.destroy())
    response.once('close', gone)
    response.write(slice, (error) => {
      // A connection that failed still holds the memory until it is closed.
      if (error) return
      cancel()
      response.off('close', gone)
      resolve()
    })
  })
}
