import { AbortedError, type BootswarmError, InvalidError, LimitError } from '../core/errors.ts'

/** What Fastify says of a request that it refused; undefined for everything else. */
export function frameworkError(error: unknown): BootswarmError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new LimitError('the body of the request is too large')
  const refused = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  if (refused && code?.startsWith('FST_'))
    return new InvalidError(`the request is malformed: ${error.message.slice(0, 300)}`)
  if (code === 'ECONNRESET') return new AbortedError('the client has gone')
  // secure-json-parse and JSON.parse: Fastify gives their errors a status and no code of its own.
  if (statusCode === 400 && error instanceof SyntaxError) return new InvalidError('the body is not JSON')
  return undefined
}
