import type { FastifyReply, FastifyRequest } from 'fastify'
import { PROBLEM_TYPE, problemOf } from '../../src/api/problem.ts'
import {
  AbortedError,
  BootswarmError,
  InvalidError,
  LimitError,
  NotFoundError,
} from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'

/** Statuses of conditions that pass: load, and others that do not answer. No defect, so no stack in the log. */
const PASSING: ReadonlySet<number> = new Set([502, 503, 504])

/** Every error as a problem document. What is not ours goes to the log and not into the answer. */
export function problemHandler(components: { log: Log }) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const known = error instanceof BootswarmError ? error : ofFramework(error)
    const problem = problemOf(known ?? error)
    request.problem = problem
    if (problem.status >= 500) {
      const facts = { method: request.method, route: request.routeOptions.url }
      const { code, detail } = problem
      if (known !== undefined && PASSING.has(problem.status))
        components.log.warn({ ...facts, code, detail }, 'request refused')
      else components.log.error({ err: error, ...facts }, 'request failed')
    }
    return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
  }
}

export function unknownRoute(request: FastifyRequest): never {
  throw new NotFoundError(`there is nothing at ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`)
}

/** What Fastify says of a request that it refused; undefined for everything else. */
function ofFramework(error: unknown): BootswarmError | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, validation, statusCode } = error as {
    code?: string
    validation?: unknown
    statusCode?: number
  }
  if (validation !== undefined) return new InvalidError(`the request is malformed: ${error.message}`)
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new LimitError('the body of the request is too large')
  const refused = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  if (refused && code?.startsWith('FST_'))
    return new InvalidError(`the request is malformed: ${error.message.slice(0, 300)}`)
  if (code === 'ECONNRESET') return new AbortedError('the client has gone')
  // secure-json-parse and JSON.parse: Fastify gives their errors a status and no code of its own.
  if (statusCode === 400 && error instanceof SyntaxError) return new InvalidError('the body is not JSON')
  return undefined
}
