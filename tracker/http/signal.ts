import type { FastifyReply } from 'fastify'
import { AbortedError } from '../../src/core/errors.ts'

/** Aborted when the client goes away before its answer is complete. */
export function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new AbortedError('the client has gone'))
  })
  return controller.signal
}
