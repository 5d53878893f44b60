import { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { AbortedError } from '../../src/core/errors.ts'
import { API_LONG_ANSWER_TIMEOUT_MS } from '../../src/core/registry-limits.ts'

/** Aborted when the client goes away before its answer is complete. */
export function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new AbortedError('the client has gone'))
  })
  return controller.signal
}

/** Lets an answer take its time although nothing moves on the connection. */
export function allowLong(reply: FastifyReply): void {
  const { socket } = reply.raw
  // Requests that tests inject have none.
  if (socket instanceof Socket) socket.setTimeout(API_LONG_ANSWER_TIMEOUT_MS)
}
